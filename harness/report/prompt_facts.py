"""Turn a champion's prompt into the names and values that stand beside its texts."""

from harness.prompts import PromptConfig
from harness.report.document import Report
from harness.report.prompt_rows import ShownPrompt
from harness.wording import counted

OWN_SYSTEM = "(none; the chat template may have its own)"
"""Where a prompt has no system message."""


def prompt_facts(report: Report, shown: ShownPrompt) -> list[tuple[str, str]]:
    """Who answers and how, then the worked examples by the fields of a family's file."""
    written = f"written, at most {counted(shown.max_new_tokens, 'token')}"
    return [
        ("Model", _model(report, shown)),
        ("Answer", f"the likeliest of {counted(len(shown.labels), 'label')}" if shown.labels else written),
        *_shot_facts(shown.prompt),
        ("Passages", str(shown.prompt.passages or "none")),
    ]


def promptless(report: Report) -> str:
    """Said where the strongest champion has no prompt to show; else empty."""
    if report.best_prompt in (shown.arm for shown in report.prompts):
        return ""
    return f"The strongest, {report.best_prompt}, asks no model."


def unshown(shown: ShownPrompt) -> str:
    """Why no conversation is shown; empty where one is."""
    return "" if shown.asked else "Worked examples or passages are retrieved for each item, so none of them is shown."


def _model(report: Report, shown: ShownPrompt) -> str:
    if shown.address is not None:
        return f"{shown.model} at {shown.address}"
    if shown.previous is not None:
        return f"{shown.model}, with the earlier version {shown.previous}"
    return f"{shown.model}, with the adapter of this run" if shown.arm == report.champion else shown.model


def _shot_facts(prompt: PromptConfig) -> list[tuple[str, str]]:
    if prompt.shots == 0:
        return [("Shots", "none")]
    named = ", ".join(prompt.shot_ids)
    seeded = prompt.choose == "random" and not named
    return [
        ("Shots", str(prompt.shots)),
        ("Choose", f"by an optimiser: {named}" if named else prompt.choose),
        *([("Seed", str(prompt.seed))] if seeded else []),
        ("Order", str(prompt.order)),
        ("Layout", prompt.layout),
    ]
