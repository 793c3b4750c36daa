"""Turn specs, and validation scores once there are some, into what the gates can prove: before the search begins.

Of the test set only its size counts; nothing here reads a test item.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.jsonl import read_rows
from harness.loading import Resolved
from harness.metrics import metric_info
from harness.plan import build
from harness.plan.prompting import family_champions
from harness.plan.setup import Benchmark, Setup
from harness.plan.state import Evidence, GatePower, HeldOut, Plan, ScoredArm, SliceSizes
from harness.store import Artifact

ASSUMED_VARIANCE = {"binary": 0.2, "macro_f1": 0.2, "graded": 0.05}
"""Right or wrong: the arms disagree on a fifth of the items. Graded: differences of .22, as ROUGE-L shows here."""
SCORES = "scores.jsonl"
Rows = list[dict[str, Any]]
Finished = Callable[[str], Artifact | None]


def assumed(
    resolved: Resolved, *, size: HeldOut, benchmarks: Mapping[str, Benchmark], slices: SliceSizes
) -> list[GatePower]:
    """What each gate can prove, before anything is measured."""
    from harness.plan.outlook import Outlook

    return list(Outlook(resolved, size, _bench_items(resolved, benchmarks), _assumed, slices).rows())


def measured(setup: Setup, known: Plan, *, finished: Finished) -> list[GatePower]:
    """What each gate can prove, by what the family champions scored on validation."""
    from harness.plan.outlook import Outlook

    counted = {
        step.inputs["benchmark"]: int(found.summary["n"])
        for step in known.wanted
        if step.stage == "forgetting" and not step.needs and (found := finished(step.key))
    }
    benchmarks = {**_bench_items(setup.resolved, setup.benchmarks), **counted}
    size = held_out(known)
    return list(Outlook(setup.resolved, size, benchmarks, _measured(setup, known), _slices(known)).rows())


def refusal(setup: Setup, known: Plan) -> UserError | None:
    """Why the search should not begin: not even all that the best prompt leaves to gain could be proven."""
    from harness.plan.outlook import Outlook, too_weak

    size, metric = held_out(known), setup.metric
    if setup.resolved.experiment.gates.allow_underpowered:
        return None
    margin = build.improvement_margin(setup.resolved)
    outlook = Outlook(setup.resolved, size, {}, _measured(setup, known), {})
    best = max(family_champions(setup, known.baselines).values(), key=lambda scored: _mean(scored, metric))
    room, row = 1 - _mean(best, metric), outlook.gain("improvement", metric, margin=margin)
    if room > 0 and row.smallest is not None and row.smallest <= room:
        return None
    needed = outlook.items_for_gain(metric, room, margin=margin)
    where = setup.resolved.task_where("data", "splits", "test")
    return too_weak(row, best=best.arm.name, room=room, needed=needed, where=where)


def expected(setup: Setup, known: Plan) -> list[GatePower]:
    """What each gate can prove: as measured, before that as assumed for the data as they were read."""
    size, slices = held_out(known), _slices(known)
    return known.power or assumed(setup.resolved, size=size, benchmarks=setup.benchmarks, slices=slices)


def _slices(known: Plan) -> SliceSizes:
    return known.slices.summary["sizes"] if known.slices else {}


def held_out(known: Plan) -> HeldOut:
    """The size of the test set as it will be judged, which is all that is known of it before it is sealed."""
    assert known.data is not None
    return HeldOut(**known.data.summary["judged"])


def _bench_items(resolved: Resolved, benchmarks: Mapping[str, Benchmark]) -> dict[str, int | None]:
    """Items of each benchmark's gate half, about; None where its rows cannot be counted before it is loaded."""
    gates = resolved.experiment.gates.forgetting
    return {gate.benchmark: _half(benchmarks[gate.benchmark].data, limit=gate.limit) for gate in gates}


def _half(data: str | None, *, limit: int | None) -> int | None:
    if data is None or not data.endswith(".jsonl"):
        return limit
    with Path(data).open("rb") as stream:
        half = max(1, sum(1 for line in stream if line.strip()) // 2)
    return half if limit is None else min(half, limit)


def _assumed(metric: str) -> Evidence:
    """Every source counts once; right or wrong answers have no variance of their own."""
    case = metric_info(metric).case
    variance = ASSUMED_VARIANCE[case]
    return Evidence(variance, 1.0, None if case == "binary" else variance, 1.0, None, "assumed")


def _measured(setup: Setup, known: Plan) -> Callable[[str], Evidence]:
    """Evidence by metric, from the validation scores of the family champions.

    The variance is that of the two champions that disagree most, so that it does not flatter. Families that ask no
    model are left out where two others are there: a rule's answers differ from any model's by construction.
    """
    champions = list(family_champions(setup, known.baselines).values())
    asking = [scored for scored in champions if scored.arm.kind == "prompt"]
    rows = [_rows(scored) for scored in (asking if len(asking) > 1 else champions)]

    def evidence(metric: str) -> Evidence:
        if not all(rows):
            return _assumed(metric)
        best = max(champions, key=lambda scored: _mean(scored, metric))
        return _evidence(metric, rows, _rows(best), room=1 - _mean(best, metric))

    return evidence


def _evidence(metric: str, arms: list[Rows], best: Rows, *, room: float) -> Evidence:
    """Assumed where no two arms differ: to have seen no difference is not to know that there is none."""
    from harness.stats.power import score_spread, widest_spread

    case, clusters = metric_info(metric).case, [row["group"] for row in best]
    columns = [[_score(row, metric) for row in rows] for rows in arms]
    widest = widest_spread(columns, clusters=clusters, graded=case == "graded")
    if widest is None:
        return _assumed(metric)._replace(room=room)
    own = score_spread([_score(row, metric) for row in best], clusters=clusters)
    score_variance = None if case == "binary" else own.variance
    return Evidence(widest.variance, widest.icc, score_variance, own.icc, room, "measured on validation")


def _rows(scored: ScoredArm) -> Rows:
    """Per-item scores; none where the artifact holds no more than their means."""
    return read_rows(scored.scores.path / SCORES) if SCORES in scored.scores.files else []


def _score(row: dict[str, Any], metric: str) -> float:
    """For macro-F1, which has no per-item value, whether the label is right."""
    return float(row[metric] if metric in row else row["valid"] and row["label"] == row["reference"])


def _mean(scored: ScoredArm, metric: str) -> float:
    return float(scored.scores.summary["mean"][metric])
