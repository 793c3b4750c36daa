"""Turn the gated benchmarks into the report's rows, and into what a reader should know of the items behind them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from harness.jsonl import read_rows
from harness.plan import Plan
from harness.plan.certify import opening_in
from harness.plan.setup import Setup
from harness.report.document import Forgetting
from harness.store import Artifact, Store
from harness.wording import counted


def benchmark_rows(setup: Setup, finished: Plan) -> list[Forgetting]:
    """Base against tuned on the items that are judged."""
    margins = {gate.benchmark: gate.margin for gate in setup.resolved.experiment.gates.forgetting}
    return [
        Forgetting(benchmark=name, **_scores(base, tuned), margin=margins[name])
        for name, (base, tuned) in finished.forgetting.items()
    ]


def benchmark_warnings(setup: Setup, finished: Plan, *, store: Store) -> Iterator[str]:
    """Items that training has met, and verdicts that a gate's half of a benchmark has served before."""
    for name, (_, tuned) in finished.forgetting.items():
        items, met = tuned.summary["n"], tuned.summary.get("met", 0)
        among = f"keeps:{name}: {met:,} of {items:,} items stand among the training or validation rows"
        if met == items:
            yield f"{among}, so nothing shows what was kept."
        elif met:
            yield f"{among} and were left out."
    for name, count in _verdicts_before(setup, finished, store=store).items():
        yield (
            f"keeps:{name}: the same half of {name} has served {counted(count, 'verdict')} of this workspace before; "
            "whoever chose by what it showed makes passing likelier than its level says."
        )


def _scores(base: Artifact, tuned: Artifact) -> dict[str, Any]:
    """Of the items that training has not met, or of all where it has met each."""
    items, met = tuned.summary["n"], tuned.summary.get("met", 0)
    if not 0 < met < items:
        return {"n": base.summary["n"], "base": base.summary["acc"], "tuned": tuned.summary["acc"]}
    before, after = (read_rows(side.path / "items.jsonl") for side in (base, tuned))
    judged = [(one["acc"], other["acc"]) for one, other in zip(before, after, strict=True) if "met" not in other]
    shares = [round(sum(side) / len(judged), 6) for side in zip(*judged, strict=True)]
    return {"n": len(judged), **dict(zip(("base", "tuned"), shares, strict=True))}


def _verdicts_before(setup: Setup, finished: Plan, *, store: Store) -> Counter[str]:
    """How many earlier openings measured a tuned model on each benchmark, as far as the store still shows."""
    opening = opening_in(finished)
    earlier = setup.ledger.before(opening) if opening and setup.benchmarks else []
    if not earlier:
        return Counter()
    known = {artifact.key: artifact for artifact in store.every()}
    locks = [known[use.opening] for use in earlier if use.opening in known]
    return Counter(
        name
        for name, bench in setup.benchmarks.items()
        for lock in locks
        if (tuned := known.get(lock.inputs.get("rests_on", {}).get(f"tuned:{name}", ""))) is not None
        and tuned.inputs["source"] == bench.identity
    )
