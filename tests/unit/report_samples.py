"""Build realistic reports of each verdict, and the odd ones a renderer has to survive."""

from typing import Any

import report_parts as parts
import report_searches

from harness.report.data_rows import Answer, Duplicate, ShownExample
from harness.report.document import Arm, Forgetting, LeakedCheck, Report
from harness.report.prompt_rows import ShownPrompt, Turn
from harness.report.trial_rows import TriedTrial

HOSTILE = (
    "<script>alert(1)</script> [bold]x[/bold] [link=https://evil.example]y[/link] \x1b[31mred \x07 a|b ```js "
    "~~~ </style> \u202eevil\u202c \u200b &lt;b&gt; \" onload='x' **b** _i_ [l](https://evil.example) "
    "![i](http://evil.example/p.png) www.evil.example <!-- ]]> {{ 7*7 }} {% x %} :smile: \ud800"
)
"""Everything that means something to a browser, a Markdown reader, a terminal or a template."""


def fine_tune_report() -> Report:
    """Every condition proven."""
    return Report(
        experiment="compress_rougel",
        verdict="FINE_TUNE",
        headline="Fine-tune: tuned/trial-2 scores 11.7 points higher on ROUGE-L than the best prompt "
        "(few_shot/shots4), and every gate is proven.",
        reasons=["All conditions are proven, each at level 0.05 (7 tested)."],
        task="sentence_compression",
        task_description="Shorten a news sentence without changing what it says.",
        model="sample",
        model_fingerprint="5a3f1e0c9b7d4c2e8f6a1b0d9e8c7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e",
        method="lora",
        metric="rougeL",
        alpha=0.05,
        champion="tuned/trial-2",
        best_prompt="few_shot/shots4",
        conditions=parts.proven_conditions(),
        leaderboard=parts.leaderboard(),
        prompts=parts.prompts(),
        trials=parts.four_trials(),
        tried=parts.tried(),
        searches=report_searches.searches(),
        effort=parts.effort(),
        effort_by_family=parts.effort_by_family(),
        estimates=parts.estimates(),
        forgetting=[
            Forgetting(benchmark="arc_easy", n=1188, base=0.5623, tuned=0.5606, margin=0.03),
            Forgetting(benchmark="piqa", n=919, base=0.6746, tuned=0.6768, margin=0.03),
        ],
        data=parts.data(),
        examples=parts.examples(),
        slices=parts.slices(),
        ships=parts.ships(),
        power=["500 test items find a gain of 4.1 points or more over every prompt four times in five."],
        uncertainty=[
            "Test items: one standard error of the difference in ROUGE-L is, in points, ±1.3 against few_shot."
        ],
        warnings=[
            "keeps:piqa: 919 items: a model that lost nothing passes about 89% of the time; more items are better"
        ],
        spec=parts.spec(),
        provenance=parts.provenance(),
        timing={"total": 1678.6, "data": 2.1, "predict": 148.6, "train": 1312.4, "forgetting": 212.0}
        | {"effort": parts.effort_seconds(), "epochs": parts.clocked_epochs(), "work": parts.work_seconds()},
    )


def prompt_report() -> Report:
    """One condition disproven: the engineered prompt is better; no forgetting, no warnings."""
    conditions = [
        parts.condition("beats:zero_shot", 0.021, 0.0214, (0.19, 0.81), "unresolved", needed=1_780),
        parts.condition("beats:engineered", -0.047, 0.022, (1.0, 3.1e-6), "fail"),
        parts.condition("beats:few_shot", 0.064, 0.023, (0.00021, 1.0), "pass"),
    ]
    changed = {
        "verdict": "PROMPT",
        "headline": "Keep prompting: a gate that fine-tuning had to pass is ruled out. tuned/trial-2 scores "
        "4.7 points lower on ROUGE-L than engineered/chain.",
        "reasons": [f"beats:engineered: {conditions[1].sentence}"],
        "best_prompt": "engineered/chain",
        "conditions": conditions,
        "leaderboard": parts.leaderboard({"engineered": 0.4888, "zero_shot": 0.4208, "few_shot": 0.3778}),
        "warnings": [],
        "forgetting": [],
        "effort": parts.effort(trained=1_702_144),
        "effort_notes": ["Prompting got 35% of the tokens of tuning; “budget: equal” in a family's search evens it."],
    }
    return fine_tune_report().model_copy(update=changed)


def inconclusive_report() -> Report:
    """Nothing disproven, two things open."""
    conditions = [
        parts.condition("beats:zero_shot", 0.162, 0.031, (0.0, 1.0), "pass", n=120),
        parts.condition("beats:few_shot", 0.024, 0.029, (0.2113, 0.79), "unresolved", n=120, needed=1_050),
        parts.condition("keeps:piqa", -0.012, 0.034, (0.1894, 0.82), "unresolved", n=200, margin=-0.03),
    ]
    twins = [Duplicate(first=f"train/{number:05}", second=f"test/{number:05}") for number in (17, 402, 911)]
    changed = {
        "verdict": "INCONCLUSIVE",
        "headline": "Not settled, so keep prompting for now. tuned/trial-2 scores 2.4 points higher on "
        "ROUGE-L than few_shot/shots4, but not every gate is proven.",
        "reasons": [
            *(f"{found.name}: {found.sentence}" for found in conditions[1:]),
            "Not settled, so keep prompting for now.",
        ],
        "conditions": conditions,
        "leaked": LeakedCheck(removed=3, verdict_with="FINE_TUNE", conditions_with=conditions),
        "leaderboard": parts.leaderboard({"few_shot": 0.4178, "zero_shot": 0.2798}),
        "forgetting": [Forgetting(benchmark="piqa", n=200, base=0.675, tuned=0.663, margin=0.03)],
        "warnings": [
            "3 inputs occur in more than one split: scores on them may be flattering.",
            "tuned/trial-2: 34 of 120 answers hit max_new_tokens.",
        ],
        "data": parts.data().model_copy(
            update={"duplicates": twins, "duplicates_total": 3, "leaked": twins, "leaked_total": 3}
        ),
    }
    return fine_tune_report().model_copy(update=changed)


def bare_report() -> Report:
    """Every trial failed: no champion, no conditions, nothing measured."""
    full = fine_tune_report()
    changed = {
        "verdict": "INCONCLUSIVE",
        "headline": "Not settled, so keep prompting for now: no trial of the search finished.",
        "reasons": [],
        "champion": None,
        "conditions": [],
        "leaderboard": [row for row in full.leaderboard if row.kind != "tuned"],
        "trials": [parts.trial(0, {"rank": 8}, [], "failed", error="loss is not finite at step 3")],
        "tried": [],
        "searches": [],
        "effort": full.effort[:1],
        "effort_by_family": [],
        "effort_notes": [],
        "estimates": [],
        "forgetting": [],
        "examples": [],
        "warnings": [],
        "spec": {},
        "provenance": {},
        "timing": {},
    }
    return full.model_copy(update=changed)


def many_trials_report(*, count: int = 30) -> Report:
    """A long search, with pruned and failed trials."""
    trials = [parts.one_of_many(number) for number in range(count)]
    others = [parts.arm(f"tuned/trial-{t.number}", "rank 16", t.value) for t in trials if t.value and t.number != 2]
    board = [row for row in parts.leaderboard() if row.kind != "tuned" or row.champion]
    return fine_tune_report().model_copy(update={"trials": trials, "tried": [], "leaderboard": board + others})


def many_labels_report(*, count: int = 77) -> Report:
    """A task with many labels, all of them in the spec and one as the answer."""
    labels = [f"card_payment_{number}" for number in range(count)]
    answers = [Answer(arm="tuned/trial-2", text=labels[-1], score=1.0)]
    example = ShownExample(id="0", input="Where is my card?", reference=labels[-1], answers=answers)
    changed = {"metric": "rouge1", "spec": {"labels": labels}, "examples": [example]}
    return fine_tune_report().model_copy(update=changed)


def hostile_report() -> Report:
    """Hostile text in every field that can hold text."""
    full, evil = fine_tune_report(), HOSTILE
    named = {"name": f"beats:{evil}", "metric": evil, "sentence": evil}
    held = {"source": evil, "license": evil, "hashes": {evil: evil}, "sizes": {evil: 3}}
    answers = [Answer(arm=evil, text=f"{evil}\n\n{evil}", score=0.1)]
    changed: dict[str, Any] = {
        **dict.fromkeys(("experiment", "headline", "task", "task_description", "model", "metric"), evil),
        "model_fingerprint": evil,
        "reasons": [evil],
        "champion": f"tuned/{evil}",
        "best_prompt": f"few_shot/{evil}",
        "conditions": [found.model_copy(update=named) for found in full.conditions],
        "leaderboard": [_hostile_arm(row) for row in full.leaderboard],
        "prompts": [_hostile_prompt(shown) for shown in full.prompts],
        "trials": [t.model_copy(update={"error": evil, "params": {evil: evil}}) for t in full.trials],
        "tried": [_hostile_tried(row) for row in full.tried],
        "searches": report_searches.hostile_searches(evil),
        "forgetting": [found.model_copy(update={"benchmark": evil}) for found in full.forgetting],
        "slices": [row.model_copy(update={"slice": evil, "against": evil, "sentence": evil}) for row in full.slices],
        "ships": [row.model_copy(update={"sentence": evil}) for row in full.ships],
        "effort_by_family": [row.model_copy(update={"family": evil}) for row in full.effort_by_family],
        "effort_notes": [evil],
        "power": [evil],
        "uncertainty": [evil],
        "data": full.data.model_copy(update=held | {"duplicates": [Duplicate(first=evil, second=evil)]}),
        "examples": [ShownExample(id=evil, input=evil, reference=evil, answers=answers)],
        "warnings": [evil],
        "spec": {evil: {evil: [evil]}},
        "provenance": {evil: {evil: evil}},
        "timing": {evil: evil},
    }
    return full.model_copy(update=changed)


def _hostile_prompt(shown: ShownPrompt) -> ShownPrompt:
    """As the hostile best prompt is named, so that all of it is shown."""
    evil = f"\n{HOSTILE}\n````\n# {HOSTILE}"
    texts = {"template": evil, "system": evil, "shot_ids": (HOSTILE,)}
    return shown.model_copy(
        update={
            **dict.fromkeys(("model", "address", "previous", "item"), HOSTILE),
            "arm": f"{shown.arm.partition('/')[0]}/{HOSTILE}",
            "prompt": shown.prompt.model_copy(update=texts),
            "labels": [HOSTILE],
            "asked": [Turn(role=HOSTILE, content=evil)],
        }
    )


def _hostile_tried(row: TriedTrial) -> TriedTrial:
    said = dict.fromkeys(("evidence", "remedy", "change"), HOSTILE)
    suspect = parts.SUSPECT.model_copy(update=dict.fromkeys(("id", "input", "reference"), HOSTILE))
    found = [one.model_copy(update=said | {"suspects": [suspect] if one.suspects else []}) for one in row.findings]
    return row.model_copy(update={"ended": HOSTILE, "reason": HOSTILE, "findings": found})


def _hostile_arm(row: Arm) -> Arm:
    scores = {HOSTILE: 0.4}
    test = scores if row.test else None
    name = f"{row.family}/{HOSTILE}"
    return row.model_copy(update={"arm": name, "description": HOSTILE, "validation": scores, "test": test})
