"""Build realistic reports of each verdict, and the odd ones a renderer has to survive."""

from typing import Any, Literal

from harness.records import (
    Answer,
    Arm,
    DataSummary,
    Duplicate,
    Effort,
    Epoch,
    Forgetting,
    GateCondition,
    Report,
    ShownExample,
    Trial,
)

Outcome = Literal["pass", "fail", "unresolved"]

HOSTILE = (
    "<script>alert(1)</script> [bold]x[/bold] [link=https://evil.example]y[/link] \x1b[31mred \x07 a|b ```js ~~~ </style> "
    "\u202eevil\u202c \u200b &lt;b&gt; \" onload='x' **b** _i_ [l](https://evil.example) ![i](http://evil.example/p.png) "
    "www.evil.example <!-- ]]> {{ 7*7 }} {% x %} :smile: \ud800"
)
"""Everything that means something to a browser, a Markdown reader, a terminal or a template."""


def fine_tune_report() -> Report:
    """Every condition proven."""
    return Report(
        experiment="compress_rougel",
        verdict="FINE_TUNE",
        headline="Fine-tune: tuned/trial-2 scores 11.7 points higher on ROUGE-L than the best prompt (few_shot/shots4), and every gate is proven.",
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
        conditions=_conditions(),
        leaderboard=_leaderboard(),
        trials=_trials(),
        effort=[
            Effort(
                side="prompting", configurations=9, tokens_in=612_480, tokens_out=48_230, tokens_trained=0
            ),
            Effort(
                side="tuning", configurations=4, tokens_in=141_300, tokens_out=39_870, tokens_trained=702_144
            ),
        ],
        forgetting=[
            Forgetting(benchmark="arc_easy", n=1188, base=0.5623, tuned=0.5606, margin=0.03),
            Forgetting(benchmark="piqa", n=919, base=0.6746, tuned=0.6768, margin=0.03),
        ],
        data=_data(),
        examples=_examples(),
        warnings=["piqa: 919 items: below 1000 a harmless model often fails to pass"],
        spec=_spec(),
        provenance={
            "harness": "0.1.0",
            "versions": {"python": "3.11.9", "torch": "2.9.0", "transformers": "5.1.0", "peft": "0.18.0"},
            "machine": {"device": "cpu", "cores": 2},
            "artifacts": {"train": "train-3f9a2c1b07de", "score": "score-81c0de77ab12"},
        },
        timing={"data": 2.1, "predict": 148.6, "train": 1312.4, "forgetting": 212.0, "score": 3.9},
    )


def prompt_report() -> Report:
    """One condition disproven: the engineered prompt is better."""
    conditions = [
        _condition(
            "beats:zero_shot", effect=0.021, spread=0.021, p=(0.19, 0.81), outcome="unresolved", needed=1_780
        ),
        _condition("beats:engineered", effect=-0.047, spread=0.022, p=(1.0, 0.0000031), outcome="fail"),
        _condition("beats:few_shot", effect=0.064, spread=0.023, p=(0.00021, 1.0), outcome="pass"),
    ]
    base = fine_tune_report()
    return base.model_copy(
        update={
            "verdict": "PROMPT",
            "headline": "Keep prompting: a gate that fine-tuning had to pass is ruled out. tuned/trial-2 scores 4.7 points lower on ROUGE-L than engineered/chain.",
            "reasons": [f"beats:engineered: {conditions[1].sentence}"],
            "best_prompt": "engineered/chain",
            "conditions": conditions,
            "leaderboard": _rescored({"engineered": 0.489, "zero_shot": 0.4208, "few_shot": 0.3778}),
            "warnings": [],
            "forgetting": [],
        }
    )


def inconclusive_report() -> Report:
    """Nothing disproven, two things open."""
    conditions = [
        _condition("beats:zero_shot", effect=0.162, spread=0.031, p=(0.0, 1.0), outcome="pass", n=120),
        _condition(
            "beats:few_shot",
            effect=0.024,
            spread=0.029,
            p=(0.2113, 0.79),
            outcome="unresolved",
            n=120,
            needed=1_050,
        ),
        _condition(
            "keeps:piqa",
            effect=-0.012,
            spread=0.034,
            p=(0.1894, 0.82),
            outcome="unresolved",
            n=200,
            margin=-0.03,
        ),
    ]
    return fine_tune_report().model_copy(
        update={
            "verdict": "INCONCLUSIVE",
            "headline": "Not settled, so keep prompting for now. tuned/trial-2 scores 2.4 points higher on ROUGE-L than few_shot/shots4, but not every gate is proven.",
            "reasons": [
                *(f"{c.name}: {c.sentence}" for c in conditions[1:]),
                "Not settled, so keep prompting for now.",
            ],
            "conditions": conditions,
            "leaderboard": _rescored({"few_shot": 0.4178, "zero_shot": 0.2798}),
            "forgetting": [Forgetting(benchmark="piqa", n=200, base=0.675, tuned=0.663, margin=0.03)],
            "warnings": [
                "3 of 120 test inputs occur in the training split.",
                "14 answers of tuned/trial-2 stopped at max_new_tokens.",
            ],
            "data": _data().model_copy(
                update={
                    "duplicates": [
                        Duplicate(first=f"train/{i:05}", second=f"test/{i:03}") for i in (17, 402, 911)
                    ],
                    "duplicates_total": 3,
                }
            ),
        }
    )


def bare_report() -> Report:
    """Every trial failed: no champion, no conditions, nothing measured."""
    full = fine_tune_report()
    failed = Trial(
        number=0, params={"rank": 8}, status="failed", epochs=[], error="loss is not finite at step 3"
    )
    return full.model_copy(
        update={
            "verdict": "INCONCLUSIVE",
            "headline": "Not settled, so keep prompting for now: no trial of the search finished.",
            "reasons": [],
            "champion": None,
            "conditions": [],
            "leaderboard": [arm for arm in full.leaderboard if arm.kind != "tuned"],
            "trials": [failed],
            "effort": [full.effort[0]],
            "forgetting": [],
            "examples": [],
            "warnings": [],
            "provenance": {},
            "timing": {},
        }
    )


def many_trials_report(*, count: int = 30) -> Report:
    """A long search, with pruned and failed trials."""
    trials = [_many(number) for number in range(count)]
    tuned = [
        _arm(f"tuned/trial-{t.number}", "tuned", "tuned", "rank 16", 0.4 + t.number / 500) for t in trials
    ]
    board = [arm for arm in fine_tune_report().leaderboard if arm.kind != "tuned" or arm.champion]
    return fine_tune_report().model_copy(update={"trials": trials, "leaderboard": board + tuned[3:]})


def hostile_report() -> Report:
    """Hostile text in every field that can hold text."""
    full = fine_tune_report()
    evil: Any = HOSTILE
    return full.model_copy(
        update={
            "experiment": evil,
            "headline": evil,
            "reasons": [evil],
            "task": evil,
            "task_description": evil,
            "model": evil,
            "model_fingerprint": evil,
            "metric": evil,
            "conditions": [
                c.model_copy(update={"metric": evil, "sentence": evil, "name": f"beats:{evil}"})
                for c in full.conditions
            ],
            "leaderboard": [_hostile_arm(arm) for arm in full.leaderboard],
            "champion": f"tuned/{evil}",
            "best_prompt": f"few_shot/{evil}",
            "trials": [t.model_copy(update={"error": evil, "params": {evil: evil}}) for t in full.trials],
            "forgetting": [f.model_copy(update={"benchmark": evil}) for f in full.forgetting],
            "data": full.data.model_copy(
                update={
                    "source": evil,
                    "license": evil,
                    "hashes": {evil: evil},
                    "sizes": {evil: 3},
                    "duplicates": [Duplicate(first=evil, second=evil)],
                }
            ),
            "examples": [
                ShownExample(
                    id=evil,
                    input=evil,
                    reference=evil,
                    answers=[Answer(arm=evil, text=f"{evil}\n\n{evil}", score=0.1)],
                )
            ],
            "warnings": [evil],
            "spec": {evil: {evil: [evil]}},
            "provenance": {evil: {evil: evil}},
            "timing": {evil: evil},
        }
    )


def _hostile_arm(arm: Arm) -> Arm:
    scores = {HOSTILE: 0.4}
    test = scores if arm.test else None
    name = f"{arm.family}/{HOSTILE}"
    return arm.model_copy(update={"arm": name, "description": HOSTILE, "validation": scores, "test": test})


def _condition(
    name: str,
    *,
    effect: float,
    spread: float,
    p: tuple[float, float],
    outcome: Outcome,
    n: int = 500,
    margin: float = 0.01,
    needed: int | None = None,
) -> GateCondition:
    gate: Any = {"keeps": "forgetting", "floor": "rouge"}.get(name.partition(":")[0], "improvement")
    found = {"pass": "is proven", "fail": "is ruled out", "unresolved": "is neither proven nor ruled out"}[
        outcome
    ]
    subject = f"the base model on {name[6:]}" if gate == "forgetting" else name.partition(":")[2]
    gap = f"{100 * abs(effect):.1f} points {'more' if effect >= 0 else 'fewer'} than {subject} ({n:,} items)"
    claim = (
        f"a loss smaller than {-100 * margin:.1f} points"
        if margin < 0
        else f"a gain of more than {100 * margin:.1f} points"
    )
    if gate == "rouge":
        gap, claim = (
            f"{100 * effect:.1f} points on {n:,} items",
            f"a score above the floor of {100 * margin:.1f} points",
        )
    return GateCondition(
        gate=gate,
        metric="acc" if gate == "forgetting" else "rougeL",
        name=name,
        outcome=outcome,
        effect=effect,
        margin=margin,
        low=effect - spread,
        high=effect + spread,
        n=n,
        p_pass=p[0],
        p_fail=p[1],
        n_needed=needed,
        sentence=f"Fine-tuning scores {gap}; {claim} {found}.",
    )


def _conditions() -> list[GateCondition]:
    return [
        _condition("beats:trivial", effect=0.148, spread=0.021, p=(1e-12, 1.0), outcome="pass"),
        _condition("beats:zero_shot", effect=0.171, spread=0.022, p=(1e-14, 1.0), outcome="pass"),
        _condition("beats:few_shot", effect=0.117, spread=0.0213, p=(3.1e-7, 1.0), outcome="pass"),
        _condition("beats:engineered", effect=0.139, spread=0.0225, p=(2.2e-9, 1.0), outcome="pass"),
        _condition(
            "keeps:arc_easy",
            effect=-0.0017,
            spread=0.0134,
            p=(0.00041, 0.9996),
            outcome="pass",
            n=1188,
            margin=-0.03,
        ),
        _condition(
            "keeps:piqa",
            effect=0.0022,
            spread=0.0168,
            p=(0.0012, 0.9988),
            outcome="pass",
            n=919,
            margin=-0.03,
        ),
        _condition("floor", effect=0.4418, spread=0.0191, p=(8.8e-16, 1.0), outcome="pass", margin=0.3),
    ]


def _arm(name: str, family: str, kind: Any, description: str, validation: float, **more: Any) -> Arm:
    scores = {"rougeL": validation, "rouge1": validation + 0.041, "exact_match": validation / 9}
    return Arm(
        arm=name,
        family=family,
        kind=kind,
        description=description,
        validation=scores,
        champion="test" in more,
    ).model_copy(update=more)


def _tested(score: float, *, tokens: tuple[float, float], **more: Any) -> dict[str, Any]:
    test = {"rougeL": score, "rouge1": score + 0.039, "exact_match": score / 10}
    return {
        "test": test,
        "low": score - 0.021,
        "high": score + 0.022,
        "tokens_in": tokens[0],
        "tokens_out": tokens[1],
        **more,
    }


def _leaderboard() -> list[Arm]:
    return [
        _arm(
            "tuned/trial-2",
            "tuned",
            "tuned",
            "rank 32, learning rate 4.1e-4, epoch 3",
            0.4522,
            **_tested(0.4418, tokens=(71.3, 17.8), unfinished=1),
        ),
        _arm(
            "few_shot/shots4",
            "few_shot",
            "prompt",
            "4 worked examples before the question",
            0.3391,
            **_tested(0.3248, tokens=(412.6, 21.4), unfinished=6),
        ),
        _arm(
            "engineered/chain",
            "engineered",
            "prompt",
            "The task's hand-written prompt",
            0.3122,
            **_tested(0.3028, tokens=(188.0, 24.9), unfinished=11),
        ),
        _arm(
            "trivial/copy",
            "trivial",
            "trivial",
            "Answers with the input",
            0.2967,
            **_tested(0.2938, tokens=(0, 0)),
        ),
        _arm(
            "zero_shot/plain",
            "zero_shot",
            "prompt",
            "The instruction alone",
            0.2810,
            **_tested(0.2708, tokens=(71.3, 33.0), unfinished=38, invalid=2),
        ),
        _arm("tuned/trial-0", "tuned", "tuned", "rank 8, learning rate 1.2e-4, epoch 2", 0.4311),
        _arm("tuned/trial-1", "tuned", "tuned", "rank 64, learning rate 1.9e-3, epoch 1", 0.3105),
        _arm(
            "few_shot/shots8",
            "few_shot",
            "prompt",
            "8 worked examples before the question",
            0.3302,
            tokens_in=742.0,
            tokens_out=20.1,
        ),
        _arm(
            "few_shot/shots2",
            "few_shot",
            "prompt",
            "2 worked examples before the question",
            0.3177,
            tokens_in=244.1,
            tokens_out=23.0,
        ),
        _arm(
            "engineered/system",
            "engineered",
            "prompt",
            "The same, as a system message",
            0.3080,
            tokens_in=190.2,
            tokens_out=25.3,
        ),
        _arm(
            "zero_shot/terse",
            "zero_shot",
            "prompt",
            "A shorter instruction",
            0.2644,
            tokens_in=58.8,
            tokens_out=35.7,
        ),
    ]


def _trial(
    number: int, params: dict[str, Any], scores: list[float], status: Any = "complete", error: str = ""
) -> Trial:
    epochs = [
        Epoch(
            epoch=i,
            train_loss=2.41 / i**0.5,
            tokens=58_512,
            validation={"rougeL": score, "rouge1": score + 0.04},
        )
        for i, score in enumerate(scores, start=1)
    ]
    best = scores.index(max(scores)) + 1 if scores else None
    value = max(scores, default=None)
    return Trial(
        number=number, params=params, status=status, epochs=epochs, best_epoch=best, value=value, error=error
    )


def _params(rank: int, rate: float, epochs: int, dropout: float) -> dict[str, Any]:
    return {
        "rank": rank,
        "learning_rate": rate,
        "epochs": epochs,
        "alpha_over_rank": 2.0,
        "dropout": dropout,
        "target_modules": "all-linear",
    }


def _trials() -> list[Trial]:
    out_of_memory = "TrainingFailed: out of memory at step 41 (rank 64, micro_batch_size 4)"
    return [
        _trial(0, _params(8, 1.2e-4, 3, 0.02), [0.3874, 0.4311, 0.4298]),
        _trial(1, _params(64, 1.9e-3, 4, 0.09), [0.3105, 0.2977], "pruned"),
        _trial(2, _params(32, 4.1e-4, 4, 0.05), [0.4102, 0.4433, 0.4522, 0.4489]),
        _trial(3, _params(64, 8.0e-4, 5, 0.0), [0.4015], "failed", out_of_memory),
    ]


def _many(number: int) -> Trial:
    length, status = 1 + number % 5, "pruned" if number % 4 == 3 else "complete"
    scores = [0.3 + 0.03 * (number % 7) / 3 + 0.11 * (1 - 0.6**epoch) for epoch in range(1, length + 1)]
    failed = number == 5
    return _trial(
        number,
        _params(2 ** (3 + number % 4), 1e-5 * 1.2**number, 5, 0.01),
        [] if failed else scores,
        "failed" if failed else status,
    )


def _data() -> DataSummary:
    digest = "9f2c64c1a0b37e58d1c4f6a7b8e9d0c1f2a3b4c5d6e7f8091a2b3c4d5e6f7081"
    return DataSummary(
        source="package:compress/data/sentences.jsonl",
        license="CC BY 4.0",
        sizes={"train": 1600, "validation": 200, "test": 500},
        hashes={"train": digest, "validation": digest[::-1], "test": digest[7:] + digest[:7]},
        duplicates=[],
        duplicates_total=0,
        dropped=4,
    )


def _examples() -> list[ShownExample]:
    asked = [
        (
            "The city council, which met late on Tuesday after weeks of argument, voted 7 to 2 to close the old bridge.",
            "City council voted to close the old bridge.",
        ),
        (
            "Zwölf Bergsteiger wurden am Sonntag nach einem Lawinenabgang gerettet, teilte die Polizei in Chamonix mit.",
            "Zwölf Bergsteiger wurden gerettet.",
        ),
        ("قال المتحدث إن المفاوضات ستستأنف يوم الاثنين 🤝.", "المفاوضات ستستأنف."),
    ]
    return [
        ShownExample(
            id=f"{index:05}-c1f2",
            input=question,
            reference=answer,
            answers=[
                Answer(arm="tuned/trial-2", text=answer, score=1.0),
                Answer(
                    arm="few_shot/shots4",
                    text=f"Sure! Here is a shorter version:\n\n{question}",
                    score=0.3137,
                ),
                Answer(arm="engineered/chain", text="", score=0.0),
                Answer(arm="trivial/copy", text=question, score=0.4211),
                Answer(arm="zero_shot/plain", text="The sentence says that " * 200, score=0.0214),
            ],
        )
        for index, (question, answer) in enumerate(asked)
    ]


def _spec() -> dict[str, Any]:
    return {
        "task": "sentence_compression",
        "model": {"name": "sample", "revision": None, "dtype": "auto", "trust_remote_code": False},
        "baselines": ["trivial", "zero_shot", "few_shot", "engineered"],
        "search": {
            "method": "lora",
            "trials": 4,
            "space": {"rank": [8, 16, 32, 64], "learning_rate": [1e-05, 0.002]},
        },
        "gates": {
            "alpha": 0.05,
            "margin": None,
            "rouge": {"floor": 0.3},
            "forgetting": [{"benchmark": "piqa", "margin": 0.03}],
        },
    }


def _rescored(scores: dict[str, float]) -> list[Arm]:
    """The leaderboard with other test scores for these families' champions, in the new order."""
    board = [
        arm.model_copy(update=_tested(scores[arm.family], tokens=(arm.tokens_in, arm.tokens_out)))
        if arm.champion and arm.family in scores
        else arm
        for arm in _leaderboard()
    ]
    return sorted(board, key=lambda arm: -(arm.test or {}).get("rougeL", 0))
