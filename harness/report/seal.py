"""Between planned looks nothing is shown but the verdict: whoever saw test scores could choose by them."""

from dataclasses import replace

from harness.ledger import Ledger
from harness.plan import Plan
from harness.plan.certify import opening_in
from harness.report.document import Report


def looks_left(finished: Plan, *, ledger: Ledger) -> int:
    """Planned verdicts on these test items that are still to come; an early look's report opens after the last one."""
    opening = opening_in(finished)
    if finished.judgement is None or opening is None:
        return 0
    inputs = finished.judgement.inputs
    taken = max(int(inputs["prior_uses_of_test_set"]) + 1, len(ledger.sharing(opening)))
    return max(0, int(inputs["planned_looks"]) - taken)


def without_test_scores(finished: Plan) -> Plan:
    """The plan as if no champion had met the test set; validation scores, search and data stay."""
    return replace(finished, tested={}, tuned=None, seeds=[], forgetting={}, judgement=None)


def with_verdict_alone(report: Report, *, verdict: str, left: int) -> Report:
    """A report without test scores, with the verdict of this look."""
    ahead = "One more verdict is planned" if left == 1 else f"{left} more verdicts are planned"
    return report.model_copy(
        update={
            "verdict": verdict,
            "looks_left": left,
            "headline": f"{verdict} at this look; nothing else is shown before the last one.",
            "reasons": [f"{ahead} on these test items; scores stay sealed until the last."],
        }
    )
