"""Turn `--retry-failed` into failed steps that a run does again: those that its own spec asks for, and no others."""

from harness.cli.consoles import say, warn
from harness.plan import Goal, Plan, plan
from harness.plan.certify import opening_in
from harness.plan.setup import Setup
from harness.store import Store

FURTHER_USE = (
    "warning: the verdict on the present champion has used the test items; if what is done again brings another "
    "champion, its verdict is a further use of them (harness ledger shows each)"
)


def forget_failed(setup: Setup, store: Store, *, goal: Goal) -> None:
    """Forget what failed; what is planned then may have failed as well, so look again until nothing has."""
    current = plan(setup, finished=store.find, goal=goal)
    failed = _failed(current, store)
    if not failed:
        say("no step of this experiment has failed: nothing is done again")
    elif _opened(setup, current):
        warn(FURTHER_USE)
    while failed:
        for key, what in failed.items():
            say(f"is done again: {what}")
            store.forget(key)
        failed = _failed(plan(setup, finished=store.find, goal=goal), store)


def _failed(current: Plan, store: Store) -> dict[str, str]:
    """Key of each failed step of a plan, to what it was and why it failed."""
    steps = {step.key: (step, store.find(step.key)) for step in current.wanted}
    return {
        key: f"{step.title}, which failed ({found.error})"
        for key, (step, found) in steps.items()
        if found is not None and found.status == "failed"
    }


def _opened(setup: Setup, current: Plan) -> bool:
    """Whether the ledger has a line for the champion that the plan came to."""
    opening = opening_in(current)
    return opening is not None and bool(setup.ledger.entry(opening))
