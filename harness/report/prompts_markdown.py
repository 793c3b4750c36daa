"""Turn the champions' prompts into Markdown, each text whole in a block to copy."""

from collections.abc import Iterator

from harness.report.document import Report
from harness.report.gfm import block, inline, name
from harness.report.prompt_facts import OWN_SYSTEM, prompt_facts, promptless, unshown
from harness.report.prompt_rows import ShownPrompt


def prompts(report: Report) -> Iterator[str]:
    """Every champion's texts; the conversation of the strongest alone, as the page folds it."""
    if report.prompts:
        yield "## Prompts"
        yield inline(promptless(report))
        for shown in report.prompts:
            yield from _prompt(report, shown)


def _prompt(report: Report, shown: ShownPrompt) -> Iterator[str]:
    best = shown.arm == report.best_prompt
    yield f"### {name(shown.arm)}{' (best prompt)' if best else ''}"
    yield "\n".join(f"- {fact}: {inline(value)}" for fact, value in prompt_facts(report, shown))
    yield f"System message:{f' {OWN_SYSTEM}' if shown.prompt.system is None else ''}"
    yield "" if shown.prompt.system is None else block(shown.prompt.system)
    yield "Template:"
    yield block(shown.prompt.template)
    yield unshown(shown)
    yield from _conversation(shown) if best else ()


def _conversation(shown: ShownPrompt) -> Iterator[str]:
    if shown.item is not None:
        yield f"As asked for the first validation item, {name(shown.item)}:"
    for turn in shown.asked:
        yield f"- {inline(turn.role)}:"
        yield block(turn.content)
