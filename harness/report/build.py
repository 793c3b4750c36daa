"""Turn a finished plan into one `Report`: all arithmetic is done here, renderers only format it."""

from typing import Any

from harness.adapters import study
from harness.jsonl import read_lines, read_rows
from harness.metrics import metric_info
from harness.objectives import champion, rule
from harness.plan import Plan, ScoredArm, family_champions
from harness.plan.certify import best_adapter, opening_in
from harness.plan.desk import Desk
from harness.plan.setup import Setup
from harness.records import Example, Prediction, Verdict
from harness.report import checked, tables
from harness.report.asked import shown_prompts
from harness.report.benchmarks import benchmark_rows
from harness.report.caveats import failed_seeds, headline, warnings
from harness.report.data_rows import Answer, DataSummary, Duplicate, ShownExample
from harness.report.document import Report
from harness.report.effort import efforts
from harness.report.effort_table import TIMED
from harness.report.epoch_table import CLOCKED
from harness.report.estimate_table import WORK
from harness.report.estimates import estimates
from harness.report.further import further_rows
from harness.report.leaderboard import leaderboard
from harness.report.seal import looks_left, with_verdict_alone, without_test_scores
from harness.report.search_views import search_views
from harness.report.trade_offs import trade_offs
from harness.report.tried import clocked_epochs, tried
from harness.store import Artifact, Store
from harness.trained import weights_hash

NO_TRIAL = "Every trial of the search failed, so there is no fine-tuned model to judge; keep prompting for now."


def build(setup: Setup, *, finished: Plan, store: Store) -> Report:
    """The report of a plan that reached its verdict; between planned looks it shows the verdict alone."""
    if left := looks_left(finished, ledger=setup.ledger):
        assert finished.judgement is not None
        hidden = _document(setup, finished=without_test_scores(finished), store=store)
        return with_verdict_alone(hidden, verdict=finished.judgement.summary["verdict"], left=left)
    return _document(setup, finished=finished, store=store)


def _document(setup: Setup, *, finished: Plan, store: Store) -> Report:
    task, experiment, best = setup.resolved.task, setup.resolved.experiment, _best_prompt(setup, finished)
    judged = finished.judgement.summary if finished.judgement else None
    frame = tables.score_frame({scored.arm.name: scored.scores.path for scored in _tested(finished)})
    verdict: Verdict = judged["verdict"] if judged else "INCONCLUSIVE"
    title = metric_info(setup.metric).title
    spent = efforts(setup, finished, find=store.find)
    expected = estimates(setup, finished, find=store.find)
    return Report(
        experiment=setup.resolved.name,
        verdict=verdict,
        headline=headline(setup, finished, judged=judged, metric=title, best=best),
        reasons=judged["reasons"] if judged else [NO_TRIAL],
        task=task.name,
        task_description=task.description,
        model=setup.model.name,
        model_fingerprint=setup.model.fingerprint,
        method=experiment.search.method,
        metric=setup.metric,
        alpha=_level(setup, finished),
        champion=finished.champions.get("tuned"),
        best_prompt=best.arm.name,
        conditions=checked.conditions(judged),
        leaderboard=leaderboard(finished, frame=frame, metric=setup.metric, store=store),
        prompts=shown_prompts(setup, finished, best=best.arm.name),
        trials=finished.trials,
        tried=tried(setup, finished, store=store),
        **_sought(setup, finished),
        searches=search_views(finished, logarithmic=study.logarithmic(experiment.search)),
        effort=spent.sides,
        effort_by_family=spent.families,
        effort_notes=spent.notes,
        estimates=expected.rows,
        forgetting=benchmark_rows(setup, finished),
        slices=checked.slices(judged),
        ships=checked.ships(judged),
        leaked=checked.leaked(judged),
        power=[row.sentence for row in finished.power],
        uncertainty=checked.uncertainty(judged, metric=title, seeds=_seed_scores(setup, finished)),
        data=_data(setup, finished),
        examples=_examples(setup, finished, frame=frame, best=best.arm.name),
        warnings=warnings(setup, finished, judged=judged, store=store),
        spec=experiment.model_dump(mode="json"),
        provenance={**_provenance(setup, finished, store=store), WORK: expected.memory},
        timing={
            **_timing(finished, store=store),
            TIMED: spent.seconds,
            CLOCKED: clocked_epochs(finished, store=store),
            WORK: expected.seconds,
        },
    )


def _level(setup: Setup, finished: Plan) -> float:
    """How often FINE_TUNE may be wrong: an earlier use of the test items may have declared less than the spec."""
    opening = opening_in(finished)
    return setup.ledger.terms(opening).alpha if opening else setup.resolved.experiment.gates.alpha


def _tested(finished: Plan) -> list[ScoredArm]:
    return [*finished.tested.values(), *([finished.tuned] if finished.tuned else [])]


def _sought(setup: Setup, finished: Plan) -> dict[str, Any]:
    """What the search looked for, how its champion was found, and what the trials traded."""
    search, title = setup.resolved.experiment.search, metric_info(setup.metric).title
    return {
        "objectives": list(search.objectives),
        "rule": rule(search, metric=title, trials=finished.trials),
        "trade_offs": trade_offs(finished.trials, search=search),
    }


def _seed_scores(setup: Setup, finished: Plan) -> list[float]:
    """Of a recipe's further seeds, as they are judged: those that failed are wrong everywhere."""
    trained = [float(scored.scores.summary["mean"][setup.metric]) for scored in finished.seeds]
    return trained + [0.0] * failed_seeds(setup, finished)


def _best_prompt(setup: Setup, finished: Plan) -> ScoredArm:
    """The strongest family champion, on the test set where it was met; described, never chosen by it."""
    met = finished.tested or family_champions(setup, finished.baselines)
    return max(met.values(), key=lambda scored: float(scored.scores.summary["mean"][setup.metric]))


def _data(setup: Setup, finished: Plan) -> DataSummary:
    assert finished.data is not None
    assert finished.testset is not None
    data, test = finished.data.summary, finished.testset.summary
    return DataSummary(
        source=setup.resolved.task.data.source,
        license=setup.resolved.task.license,
        sizes={**data["sizes"], **test["sizes"]},
        hashes={**data["hashes"], **test["hashes"]},
        duplicates=[Duplicate(**pair) for pair in test["duplicates"]],
        duplicates_total=test["duplicates_total"],
        leaked=[Duplicate(first=f"test/{pair['id']}", second=pair["twin"]) for pair in test["leaked"]],
        leaked_total=test["leaked_total"],
        dropped=data["dropped"],
        further=further_rows(setup, finished),
    )


def _examples(setup: Setup, finished: Plan, *, frame: Any, best: str) -> list[ShownExample]:
    assert finished.testset is not None
    metric, count = setup.metric, setup.resolved.experiment.report.examples
    tuned = finished.tuned.arm.name if finished.tuned else None
    chosen = tables.widest_gaps(frame, metric=metric, tuned=tuned, best=best, count=count)
    items = {item.id: item for item in read_lines(finished.testset.path / "test.jsonl", model=Example)}
    answers = {scored.arm.name: _texts(scored.answers) for scored in _tested(finished)}
    scores = {scored.arm.name: _values(scored.scores, metric=metric) for scored in _tested(finished)}
    return [
        ShownExample(
            id=name,
            input=items[name].input,
            reference=items[name].reference,
            answers=[Answer(arm=arm, text=answers[arm][name], score=scores[arm][name]) for arm in answers],
        )
        for name in chosen
    ]


def _texts(answers: Artifact) -> dict[str, str]:
    return {row.example_id: row.text for row in read_lines(answers.path / "predictions.jsonl", model=Prediction)}


def _values(scores: Artifact, *, metric: str) -> dict[str, float]:
    """Per item; for macro-F1, which has no per-item value, whether the label is right."""
    rows = read_rows(scores.path / "scores.jsonl")
    return {row["example_id"]: float(row.get(metric, row["label"] == row["reference"])) for row in rows}


def _provenance(setup: Setup, finished: Plan, *, store: Store) -> dict[str, Any]:
    artifacts = [found for step in finished.wanted if (found := store.find(step.key))]
    newest = max(artifacts, key=lambda artifact: str(artifact.provenance.get("at", "")))
    opening = opening_in(finished)
    return {
        **newest.provenance,
        **_winner(finished, setup=setup, store=store),
        "ledger": setup.ledger.entry(opening) if opening else {},
        "peak_bytes": max(int(artifact.provenance.get("peak_bytes", 0)) for artifact in artifacts),
        "artifacts": {step.key: step.title for step in finished.wanted},
    }


def _winner(finished: Plan, *, setup: Setup, store: Store) -> dict[str, Any]:
    """The tuned champion's training artifact and the hash of its weights, by which a later experiment finds it."""
    best = champion(finished.trials, search=setup.resolved.experiment.search)
    if best is None or finished.data is None:
        return {}
    known: dict[str, Any] = {"data": finished.data, "labels": finished.labels, "further": finished.further}
    adapter = best_adapter(setup, Desk(store.find), trial=best, **known)
    return {"winner": {"key": adapter.key, "weights": weights_hash(adapter.files)}}


def _timing(finished: Plan, *, store: Store) -> dict[str, Any]:
    """Seconds of computation by stage, each step counted once."""
    seconds: dict[str, float] = {}
    for key in dict.fromkeys(step.key for step in finished.wanted):
        if found := store.find(key):
            seconds[found.stage] = round(seconds.get(found.stage, 0.0) + found.seconds, 1)
    clocked = checked.clocked_conditions(finished.judgement.summary if finished.judgement else None)
    return {"total": round(sum(seconds.values()), 1), **seconds, **({"gates": clocked} if clocked else {})}
