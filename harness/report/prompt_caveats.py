"""Turn scored arms into what a reader should know of their prompts: which are the same, and which did not fit."""

from collections.abc import Iterable, Sequence

from harness.canonical import digest
from harness.plan import Plan, ScoredArm
from harness.prompt_space import essence
from harness.store import Store
from harness.wording import counted

MOST_NAMED = 10
TRIALS = "tuned (every trial)"


def same_prompts(champions: Iterable[ScoredArm]) -> list[str]:
    """One sentence for champions of several families that send one prompt to one model and read its answer alike."""
    groups: dict[str, list[str]] = {}
    for scored in champions:
        if scored.arm.prompt is not None:
            groups.setdefault(_asked(scored), []).append(scored.arm.name)
    return [
        f"{', '.join(names[:-1])} and {names[-1]} send the very same prompt to the same model: "
        f"they are one contender under {len(names)} names."
        for names in groups.values()
        if len(names) > 1
    ]


def _asked(scored: ScoredArm) -> str:
    """Equal for equal conversations."""
    inputs = scored.answers.inputs
    return digest({**inputs, "prompt": essence(inputs["prompt"])})


def unfitting(scored: Iterable[ScoredArm]) -> list[str]:
    """One sentence for each arm some of whose items did not fit the context."""
    found = [(one.arm.name, one.answers) for one in scored]
    return [
        sentence(name, answers.summary["truncated"], split=answers.inputs["split"])
        for name, answers in found
        if answers.summary["truncated"]
    ]


def unfitting_trials(finished: Plan, *, store: Store) -> list[str]:
    """Validation items that did not fit the context of any trial: all share the prompt and the base model."""
    asked = (
        store.find(step.key)
        for step in finished.wanted
        if step.stage == "predict" and step.inputs["split"] == "validation" and "adapter" in step.needs
    )
    return next((list(answers.summary["truncated"]) for answers in asked if answers), [])


def sentence(name: str, ids: Sequence[str], *, split: str) -> str:
    """How many items of an arm were not asked, and which."""
    more = f" and {len(ids) - MOST_NAMED:,} more" if ids[MOST_NAMED:] else ""
    return (
        f"{name}: {counted(len(ids), f'{split} item')} counted as wrong, for prompt and answer do not fit "
        f"the model's context: {', '.join(ids[:MOST_NAMED])}{more}."
    )
