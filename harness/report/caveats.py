"""Turn what happened into the headline and the warnings that stand above the tables."""

from typing import Any

from harness.halving import asked_size, taken_size
from harness.objectives import probed_benchmarks
from harness.plan import Plan, ScoredArm, family_champions
from harness.plan.arms import short_of_examples
from harness.plan.certify import opening_in
from harness.plan.setup import Setup
from harness.previous import base_remarks
from harness.report.benchmarks import benchmark_warnings
from harness.report.further import further_warnings
from harness.report.prompt_caveats import TRIALS, same_prompts, sentence, unfitting, unfitting_trials
from harness.stages.audit import strange_definitions
from harness.store import Store

NEXT = {
    "FINE_TUNE": "Fine-tune: {gap} against the best prompt, and every gate is proven.",
    "PROMPT": "Keep prompting: {gap} against the best prompt, and a gate is ruled out.",
    "INCONCLUSIVE": "Not settled, so keep prompting: {gap} against the best prompt, and not every gate is proven.",
}
SPENT = (
    "Not settled, so keep prompting: these test items were used for a verdict before, "
    "so they can no longer show that fine-tuning wins."
)
WORSE = {
    "PROMPT": "Keep prompting: proven worse than a prompt on {slices}, though {gap} against the best prompt overall.",
    "INCONCLUSIVE": "Not settled, so keep prompting: {gap} against the best prompt, but maybe worse on {slices}.",
}


def headline(setup: Setup, finished: Plan, *, judged: dict[str, Any] | None, metric: str, best: ScoredArm) -> str:
    """The decision in one sentence, with what stands in the way of FINE_TUNE; the gap is the one that was judged."""
    if judged is None:
        return "Not settled, so keep prompting: no trial of the search finished."
    verdict, failed = judged["verdict"], failed_seeds(setup, finished)
    gap = f"{100 * _judged_gap(judged, family=best.arm.family):+.1f} points of {metric}"
    gap += f" ({failed} of {setup.resolved.experiment.gates.seeds} seeds failed, counted as wrong)" if failed else ""
    words = {"gap": gap, "slices": ", ".join(_in_the_way(judged))}
    alone = all(row["outcome"] == "pass" for row in judged["conditions"])
    if alone and words["slices"]:
        return WORSE[verdict].format(**words)
    if alone and verdict == "INCONCLUSIVE":
        return SPENT
    return NEXT[verdict].format(**words)


def _judged_gap(judged: dict[str, Any], *, family: str) -> float:
    """Tuned minus a family's champion in the deciding metric, at the digits that scores have; nothing lost is +0.0."""
    name = f"beats:{family}"
    rows = (row for row in judged["conditions"] if row["gate"] == "improvement" and row["cond"] == name)
    return round(float(next(rows)["effect"]), 6) + 0.0


def failed_seeds(setup: Setup, finished: Plan) -> int:
    """How many of a recipe's further trainings failed; the verdict counts each as wrong everywhere."""
    gates = setup.resolved.experiment.gates
    return gates.seeds - len(finished.seeds) if gates.scope == "recipe" and finished.judgement else 0


def _in_the_way(judged: dict[str, Any]) -> list[str]:
    """Gated slices that keep FINE_TUNE from being said: the proven ones, or where none is proven the others."""
    worse = [row for row in judged["slices"] if row["withholds"]]
    proven = [row for row in worse if row["regressed"]]
    return list(dict.fromkeys(row["slice"] for row in proven or worse))


def warnings(setup: Setup, finished: Plan, *, judged: dict[str, Any] | None, store: Store) -> list[str]:
    """What a reader should know before deciding."""
    return [
        *_ledger_warnings(setup, finished),
        *_judged_warnings(judged),
        *_recipe_warnings(setup, finished),
        *_slice_warnings(finished, judged=judged),
        *_data_warnings(finished),
        *further_warnings(finished),
        *benchmark_warnings(setup, finished, store=store),
        *_definition_warnings(setup, finished),
        *_previous_warnings(setup),
        *_shot_warnings(setup, finished),
        *same_prompts(family_champions(setup, finished.baselines).values()),
        *_unfitting_warnings(finished, store=store),
        *_answer_warnings(finished),
        *_trial_warnings(finished),
        *_probe_warnings(setup, finished),
        *_memory_warnings(finished, store=store),
        *_length_warnings(finished, store=store),
        *[f"{row['cond']}: {text}" for row in (judged or {"conditions": []})["conditions"] for text in row["warnings"]],
        *([] if setup.benchmarks else ["No forgetting benchmark is gated: what the model lost was not measured."]),
    ]


def _ledger_warnings(setup: Setup, finished: Plan) -> list[str]:
    """Who used these test items before."""
    opening = opening_in(finished)
    return setup.ledger.notes(opening) if opening else []


def _judged_warnings(judged: dict[str, Any] | None) -> list[str]:
    """What the verdict alone does not say: regressions that veto nothing, blocked forms, leaked items."""
    if judged is None:
        return []
    found = [row["reason"] for row in judged["slices"] if row["regressed"] and not row["gate"]]
    found += [row["sentence"] for row in judged["ships"] if row["blocked"]]
    if leaked := judged["leaked"]:
        count = leaked["removed"]
        with_them = "the same" if leaked["verdict"] == judged["verdict"] else leaked["verdict"]
        found.append(
            f"{count} test items are copies of training or validation inputs, or stand in a prompt or passage, "
            f"and were left out; the verdict with them is {with_them}."
        )
    return found


def _recipe_warnings(setup: Setup, finished: Plan) -> list[str]:
    """What a verdict on a recipe is not about, and seeds that could not be trained."""
    gates = setup.resolved.experiment.gates
    if gates.scope != "recipe" or finished.judgement is None:
        return []
    own = "Benchmarks, format, cost, latency, shipped forms and the leaderboard are of the champion's own adapter."
    found = [f"The verdict is about the recipe: scores are compared as the mean of {gates.seeds} further seeds. {own}"]
    if failed := failed_seeds(setup, finished):
        found.append(f"Of {gates.seeds} further trainings {failed} failed; their answers count as wrong.")
    return found


def _slice_warnings(finished: Plan, *, judged: dict[str, Any] | None) -> list[str]:
    """Slices that nobody should take for guarded or looked at."""
    if judged is None or finished.slices is None:
        return []
    refused = {row["slice"]: row["n"] for row in judged["slices"] if row["gate"] and row["test"] == "refused"}
    found = [
        f"Slice {name} ({n} items) is gated but has too few sources to be tested: nothing guards it."
        for name, n in refused.items()
    ]
    tested = {row["slice"] for row in judged["slices"]}
    small = [
        f"{column}={value} ({size['items']})"
        for column, sizes in finished.slices.summary["sizes"].items()
        for value, size in sizes.items()
        if f"{column}={value}" not in tested
    ]
    return [*found, *([f"Slices too small to be tested: {', '.join(small)}."] if small else [])]


def _data_warnings(finished: Plan) -> list[str]:
    assert finished.data is not None
    assert finished.testset is not None
    found = []
    if count := finished.testset.summary["duplicates_total"]:
        found.append(f"{count} inputs occur in more than one split: scores on them may be flattering.")
    if count := finished.data.summary["dropped"]:
        found.append(f"{count} rows were left out: no input or answer, or a source shared with the test split.")
    return found


def _definition_warnings(setup: Setup, finished: Plan) -> list[str]:
    """Labels that come from the data show late which definitions explain none of them."""
    strange = strange_definitions(setup.resolved.task.definitions, answers=finished.labels)
    return [f"{remark[0].upper()}{remark[1:]}." for remark in strange]


def _previous_warnings(setup: Setup) -> list[str]:
    """Earlier versions that may be of another base model or trained on test items, which nobody can look up."""
    strangers = base_remarks(setup.families, model=setup.resolved.experiment.model.name)
    unknown = [name for name, files in setup.families.items() if files.adapter is not None and files.seen is None]
    said = "what this earlier version was trained on is not known; test items among it would flatter it."
    return [*(f"{name}: {said}" for name in unknown), *(f"{remark}." for remark in strangers)]


def _shot_warnings(setup: Setup, finished: Plan) -> list[str]:
    assert finished.data is not None
    arms, train = [scored.arm for scored in finished.baselines], finished.data.summary["sizes"]["train"]
    return short_of_examples(arms, train=train, families=setup.resolved.families)


def _unfitting_warnings(finished: Plan, *, store: Store) -> list[str]:
    """Items that an arm was not asked: on test, then on validation, where they may have decided a choice."""
    trials = unfitting_trials(finished, store=store)
    return [
        *unfitting([*_tested(finished), *finished.baselines]),
        *([sentence(TRIALS, trials, split="validation")] if trials else []),
    ]


def _tested(finished: Plan) -> list[ScoredArm]:
    return [*finished.tested.values(), *([finished.tuned] if finished.tuned else [])]


def _answer_warnings(finished: Plan) -> list[str]:
    found = []
    for scored in _tested(finished):
        answers = scored.answers.summary
        if answers["unfinished"] > 0.2 * answers["items"]:
            found.append(
                f"{scored.arm.name}: {answers['unfinished']} of {answers['items']} answers hit max_new_tokens."
            )
    return found


def _trial_warnings(finished: Plan) -> list[str]:
    failed = [trial for trial in finished.trials if trial.status == "failed"]
    return [f"Trial {trial.number} failed: {trial.error}" for trial in failed]


def _probe_warnings(setup: Setup, finished: Plan) -> list[str]:
    """Gated benchmarks that no probe asked about, so that nothing stopped a trial that lost them."""
    epochs = [epoch for trial in finished.trials for epoch in trial.epochs]
    if not setup.resolved.experiment.search.forgets.items or all(epoch.probe is None for epoch in epochs):
        return []
    left = [name for name in setup.benchmarks if name not in probed_benchmarks(finished.trials)]
    why = "a probe leaves out benchmarks whose answers are written, and those without items beside the gate's"
    return [f"{name} was not probed after the epochs: {why}." for name in left]


def _memory_warnings(finished: Plan, *, store: Store) -> list[str]:
    """Epochs that did not fit the memory as they were asked for."""
    trained = [one for step in finished.wanted if step.stage == "train" and (one := store.find(step.key))]
    sizes = [size for one in trained if (size := taken_size(one)) is not None]
    if not sizes:
        return []
    asked = asked_size(trained[0].inputs["settings"])
    return [
        f"Memory ran out with {asked} examples per pass: {len(sizes)} of {len(trained)} epochs were trained in passes "
        f"of {min(sizes)} or more; batches are as asked, so scores differ by rounding and the draws of dropout only."
    ]


def _length_warnings(finished: Plan, *, store: Store) -> list[str]:
    """What max_length did to the training examples; the same in every epoch."""
    steps = [step for step in finished.wanted if step.stage == "train" and step.inputs.get("phase") != "text"]
    trained = [one for step in steps if (one := store.find(step.key))]
    summary = next((one.summary for one in trained if one.status == "done"), {"cut": 0, "dropped": 0})
    found = [f"{summary['cut']} training examples reach search.max_length and were cut."] if summary["cut"] else []
    if summary["dropped"]:
        found.append(
            f"{summary['dropped']} training examples were left out: their answer lies beyond search.max_length."
        )
    return found
