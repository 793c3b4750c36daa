"""Build the parts of a realistic report: sentence compression, judged by ROUGE-L."""

from typing import Any, Literal

from harness.diagnosis import Finding, Suspect
from harness.prompts import PromptConfig, messages
from harness.records import Epoch, Example, Trial
from harness.report.data_rows import Answer, DataSummary, ShownExample
from harness.report.document import Arm, Effort, FormRow, GateCondition, SliceRow
from harness.report.estimate_rows import Counts, EstimateRow
from harness.report.prompt_rows import ShownPrompt, Turn
from harness.report.trial_rows import TriedTrial

Outcome = Literal["pass", "fail", "unresolved"]
FOUND = {"pass": "is proven", "fail": "is ruled out", "unresolved": "is neither proven nor ruled out"}


def condition(
    name: str,
    effect: float,
    spread: float,
    p: tuple[float, float],
    outcome: Outcome,
    *,
    n: int = 500,
    margin: float = 0.01,
    needed: int | None = None,
) -> GateCondition:
    """One condition; `p` is to prove and to rule out."""
    kind, _, other = name.partition(":")
    gate: Any = {"keeps": "forgetting", "floor": "rouge", "latency": "latency"}.get(kind, "improvement")
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
        sentence=f"{_observed(other, effect=effect, n=n)}; {_claim(margin, kind=kind)} {FOUND[outcome]}.",
    )


def _observed(other: str, *, effect: float, n: int) -> str:
    if not other:
        return f"Fine-tuning scores {100 * effect:.1f} points on {n:,} items"
    relation = "more" if effect >= 0 else "fewer"
    return f"Fine-tuning scores {100 * abs(effect):.1f} points {relation} than {other} ({n:,} items)"


def _claim(margin: float, *, kind: str) -> str:
    starts = {"keeps": "a loss smaller than", "floor": "a score above the floor of"}
    return f"{starts.get(kind, 'a gain of more than')} {100 * abs(margin):.1f} points"


def proven_conditions() -> list[GateCondition]:
    """Four families beaten, two benchmarks kept, a floor exceeded."""
    return [
        condition("beats:trivial", 0.148, 0.021, (1e-12, 1.0), "pass"),
        condition("beats:zero_shot", 0.171, 0.022, (1e-14, 1.0), "pass"),
        condition("beats:few_shot", 0.117, 0.0213, (3.1e-7, 1.0), "pass"),
        condition("beats:engineered", 0.139, 0.0225, (2.2e-9, 1.0), "pass"),
        condition("keeps:arc_easy", -0.0017, 0.0134, (0.00041, 0.9996), "pass", n=1188, margin=-0.03),
        condition("keeps:piqa", 0.0022, 0.0168, (0.0012, 0.9988), "pass", n=919, margin=-0.03),
        condition("floor", 0.4418, 0.0191, (8.8e-16, 1.0), "pass", margin=0.3),
    ]


def slices() -> list[SliceRow]:
    """One regression that vetoes nothing, one part that is fine."""
    return [
        SliceRow(
            slice=f"length={name}",
            against="few_shot",
            n=60,
            effect=effect,
            low=effect - 0.05,
            high=effect + 0.05,
            p_holm=p,
            regressed=p < 0.05,
            gate=name == "short",
            sentence=f"On length={name} (60 items) fine-tuning scores {100 * effect:.1f} points against few_shot.",
        )
        for name, effect, p in (("long", -0.21, 0.0021), ("short", 0.11, 1.0))
    ]


def ships() -> list[FormRow]:
    """The merged model may ship, its 4-bit form may not."""
    return [
        FormRow(
            form=form,
            effect=effect,
            margin=0.03,
            low=effect - 0.012,
            high=effect + 0.012,
            n=500,
            p_pass=p,
            outcome="pass" if p < 0.05 else "unresolved",
            blocked=p >= 0.05,
            changed=0.034,
            sentence=f"{form}: {100 * effect:.1f} points against the adapter.",
        )
        for form, effect, p in (("merged", -0.002, 0.0003), ("merged_nf4", -0.041, 0.93))
    ]


def arm(name: str, description: str, validation: float, **more: Any) -> Arm:
    """One row; the family is in the name."""
    family = name.partition("/")[0]
    kind: Any = family if family in ("tuned", "trivial") else "prompt"
    scores = _metrics(validation)
    fields = {"arm": name, "family": family, "kind": kind, "description": description, "validation": scores}
    return Arm(champion="test" in more, **(fields | more))


def tested(score: float, tokens_in: float, tokens_out: float, **more: Any) -> dict[str, Any]:
    """What an arm gains on the test set."""
    counted = {"tokens_in": tokens_in, "tokens_out": tokens_out}
    return {"test": _metrics(score), "low": score - 0.021, "high": score + 0.022} | counted | more


def _metrics(score: float) -> dict[str, float]:
    return {"rougeL": score, "rouge1": score + 0.04, "exact_match": score / 10}


def leaderboard(scores: dict[str, float] | None = None) -> list[Arm]:
    """Five champions and six others; `scores` replaces test scores by family."""
    test = {"tuned": 0.4418, "few_shot": 0.3248, "engineered": 0.3028, "trivial": 0.2938, "zero_shot": 0.2708}
    test |= scores or {}
    shots = "worked examples before the question"
    champions = [
        arm("tuned/trial-2", "rank 32, lr 0.00041, epoch 3 of 4", 0.4522, **tested(test["tuned"], 71.3, 17.8)),
        arm("few_shot/shots4", f"4 {shots}", 0.3391, **tested(test["few_shot"], 412.6, 21.4, unfinished=6)),
        arm("engineered/chain", "The hand-written prompt", 0.3122, **tested(test["engineered"], 188, 24.9)),
        arm("trivial/copy", "Answers with the input", 0.2967, **tested(test["trivial"], 0, 0)),
        arm("zero_shot/plain", "The instruction", 0.281, **tested(test["zero_shot"], 71.3, 33.0, invalid=2)),
    ]
    others = [
        arm("tuned/trial-0", "rank 8, lr 0.00012, epoch 2 of 3", 0.4311),
        arm("few_shot/shots8", f"8 {shots}", 0.3302, tokens_in=742.0, tokens_out=20.1),
        arm("few_shot/shots2", f"2 {shots}", 0.3177, tokens_in=244.1, tokens_out=23.0),
        arm("tuned/trial-1", "rank 64, lr 0.0019, epoch 1 of 4", 0.3105),
        arm("engineered/system", "As a system message", 0.308, tokens_in=190.2, tokens_out=25.3),
        arm("zero_shot/terse", "A shorter instruction", 0.2644, tokens_in=58.8, tokens_out=35.7),
    ]
    return [*sorted(champions, key=lambda row: -(row.test or {})["rougeL"]), *others]


INSTRUCTION = (
    "Shorten this sentence, keeping its facts. Reply with the short sentence only; "
    "never add a word that the sentence does not have.\n\n{input}"
)
"""Longer than a row of the leaderboard shows."""


def prompts() -> list[ShownPrompt]:
    """What four champions that ask a model ask: four shots, a system message, passages by API, and the tuned one."""
    four = PromptConfig(template=INSTRUCTION, shots=4, seed=1)
    system = PromptConfig(template=f"Think first.\n\n{INSTRUCTION}", system="You are a careful editor.")
    plain = PromptConfig(template=INSTRUCTION)
    found = PromptConfig(template=f"{{passages}}\n\n{INSTRUCTION}", passages=2)
    elsewhere = {"model": "big-8b", "address": "https://api.example.com/v1"}
    return [
        _prompt("few_shot/shots4", four, item="validation-1", asked=_asked(four)),
        _prompt("engineered/chain", system, item="validation-1", asked=_asked(system), labels=["short", "long"]),
        _prompt("zero_shot/plain", found, **elsewhere),
        _prompt("tuned/trial-2", plain, item="validation-1", asked=_asked(plain)),
    ]


def _prompt(name: str, prompt: PromptConfig, **more: Any) -> ShownPrompt:
    return ShownPrompt(**{"arm": name, "model": "sample", "prompt": prompt, "max_new_tokens": 64} | more)


def _asked(prompt: PromptConfig) -> list[Turn]:
    shots = [
        Example(id=f"train-{number}", split="train", group="", input=f"Sentence {number}, long.", reference="Short.")
        for number in range(prompt.shots)
    ]
    return [Turn(**turn) for turn in messages(prompt, text="The council met late.", shots=shots)]


def trial(
    number: int, params: dict[str, Any], scores: list[float], status: Any = "complete", *, error: str = ""
) -> Trial:
    """One trial with a validation score per epoch."""
    epochs = [
        Epoch(
            epoch=epoch,
            train_loss=2.41 / epoch**0.5,
            tokens=58_512,
            validation=_metrics(score),
            validation_loss=2.02 + 0.1 * (epoch - 2) ** 2,
            learning_rate=4e-4 / epoch,
            gradient_norm=0.71,
            gradient_norm_max=1.9,
        )
        for epoch, score in enumerate(scores, start=1)
    ]
    best = scores.index(max(scores)) + 1 if scores else None
    return Trial(
        number=number,
        params=params,
        status=status,
        epochs=epochs,
        best_epoch=best,
        value=max(scores, default=None),
        error=error,
    )


def params(rank: int, rate: float, epochs: int, dropout: float) -> dict[str, Any]:
    """What the search samples."""
    varied = {"rank": rank, "learning_rate": rate, "epochs": epochs, "dropout": dropout}
    return varied | {"alpha_over_rank": 2.0, "target_modules": "all-linear"}


def four_trials() -> list[Trial]:
    """Complete, pruned, chosen and failed."""
    error = "out of memory at step 41 (rank 64, micro_batch_size 4)"
    return [
        trial(0, params(8, 1.2e-4, 3, 0.02), [0.3874, 0.4311, 0.4298]),
        trial(1, params(64, 1.9e-3, 4, 0.09), [0.3105, 0.2977], "pruned"),
        trial(2, params(32, 4.1e-4, 4, 0.05), [0.4102, 0.4433, 0.4522, 0.4489]),
        trial(3, params(64, 8.0e-4, 5, 0.0), [0.4015], "failed", error=error),
    ]


def tried() -> list[TriedTrial]:
    """Why each of the four trials lost; two of them are ill."""
    rate = "search.space.learning_rate: [1.9e-05, 0.00019]"
    spike = "Step 7 of epoch 2 has a loss of 9.120 nats; it began with 2.410."
    noise = "3 of 1,600 training examples cost over 1 nat a token more than those beside them in 3 epochs."
    diverged = Finding(rule="divergence", epoch=2, evidence=spike, remedy="A lower learning rate.", change=rate)
    noisy = Finding(rule="label_noise", evidence=noise, remedy="A look at these examples.", suspects=[SUSPECT])
    said = [
        ("complete, 3 epochs", "2.1 points below trial 2, beyond the noise of 200 validation items (±1.4).", []),
        (
            "pruned after 2 epochs",
            "Pruned: 7.7 points below the median of the trials before it at epoch 2.",
            [diverged],
        ),
        ("complete, 4 epochs", "Chosen: 45.2 on validation at epoch 3, the best by the rule of the search.", [noisy]),
        ("failed in epoch 2", "It failed: out of memory at step 41 (rank 64, micro_batch_size 4).", []),
    ]
    return [
        TriedTrial(trial=number, chosen=number == 2, ended=ended, reason=reason, findings=found)
        for number, (ended, reason, found) in enumerate(said)
    ]


SUSPECT = Suspect(id="00ab", loss=4.2, input="The bridge is closed, said the mayor.", reference="Open bridge.")


def clocked_epochs() -> dict[str, Any]:
    """Speed and memory of every epoch."""
    row = {"tokens_per_second": 331.5, "peak_bytes": 3_221_225_472}
    return {str(t.number): {str(e.epoch): row for e in t.epochs} for t in four_trials()}


def one_of_many(number: int) -> Trial:
    """Trial `number` of a long search: number 5 fails, every fourth is pruned, number 2 is best."""
    sampled = params(2 ** (3 + number % 4), 1e-5 * 1.2**number, 5, 0.01)
    if number == 5:
        return trial(number, sampled, [], "failed", error="loss is not finite at step 3")
    height = 0.12 if number == 2 else 0.1 * (number * 37 % 29) / 29
    scores = [0.3 + height + 0.004 * (number * 7 % 5) * epoch - 0.05 * 0.5**epoch for epoch in range(1, 2 + number % 5)]
    return trial(number, sampled, scores, "pruned" if number % 4 == 3 else "complete")


def effort(*, trained: int = 702_144) -> list[Effort]:
    """Both sides."""
    prompting = {"configurations": 9, "tokens_in": 612_480, "tokens_out": 48_230, "tokens_trained": 0}
    tuning = {"configurations": 4, "tokens_in": 141_300, "tokens_out": 39_870, "tokens_trained": trained}
    return [Effort(side="prompting", dollars=0.0312, **prompting), Effort(side="tuning", **tuning)]


def effort_by_family() -> list[Effort]:
    """Nine prompts in four families; one of them asks a model behind an API."""
    spent = {"trivial": (1, 0, 0), "zero_shot": (2, 51_240, 13_610), "few_shot": (3, 466_120, 21_300)}
    rows = {**spent, "engineered": (3, 95_120, 13_320)}
    return [
        Effort(
            side="prompting",
            family=name,
            configurations=tried,
            tokens_in=read,
            tokens_out=written,
            tokens_trained=0,
            dollars=0.0312 if name == "engineered" else None,
        )
        for name, (tried, read, written) in rows.items()
    ]


def effort_seconds() -> dict[str, Any]:
    """The clock's part of the same."""
    families = {"trivial": 0.2, "zero_shot": 24.1, "few_shot": 71.3, "engineered": 53.0}
    return {"prompting": 148.6, "tuning": 1312.4, "families": families}


def estimates() -> list[EstimateRow]:
    """Three kinds of work; the search was pruned, and a benchmark counts no tokens."""
    prompts, answers = {"read": 640_000, "generated": 52_000}, {"read": 624_960, "generated": 48_730}
    return [
        _estimate("prompt", "prompts on validation", (9, 9), 182.0, prompts, answers),
        _estimate("train", "training epochs", (14, 10), 1620.4, {"trained": 982_000}, {"trained": 702_144}),
        _estimate("forgetting", "forgetting benchmarks, base and tuned", (4, 4), 240.0, {}, {}),
    ]


def _estimate(
    kind: str, title: str, steps: tuple[int, int], seconds: float, expected: dict[str, int], counted: dict[str, int]
) -> EstimateRow:
    none = {"read": 0, "generated": 0, "trained": 0}
    return EstimateRow(
        kind=kind,
        title=title,
        expected_steps=steps[0],
        steps=steps[1],
        expected_seconds=seconds,
        expected=Counts(**none | expected),
        counted=Counts(**none | counted),
    )


def work_seconds() -> dict[str, float]:
    """The clock's part of the same."""
    return {"prompt": 148.6, "train": 1312.4, "forgetting": 212.0}


def work_memory() -> dict[str, dict[str, int]]:
    """The machine's part of the same."""
    prompt = {"expected_bytes": 7_120_000_000, "peak_bytes": 6_340_000_000}
    train = {"expected_bytes": 2_310_000_000, "peak_bytes": 1_980_000_000}
    return {"prompt": prompt, "train": train, "forgetting": {"peak_bytes": 890_000_000}}


def data() -> DataSummary:
    """Three splits without duplicates."""
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


def examples() -> list[ShownExample]:
    """English, German and Arabic; an empty and a very long answer each."""
    bridge = "The city council, which met late on Tuesday after weeks of argument, voted to close the bridge."
    alps = "Zwölf Bergsteiger wurden am Sonntag nach einem Lawinenabgang gerettet, teilte die Polizei mit."
    talks = "قال المتحدث إن المفاوضات ستستأنف يوم الاثنين 🤝."
    answers = (
        "City council voted to close the bridge.",
        "Bergsteiger wurden gerettet.",
        "المفاوضات ستستأنف.",
    )
    return [
        _example(*pair, number=index) for index, pair in enumerate(zip((bridge, alps, talks), answers, strict=True))
    ]


def _example(asked: str, reference: str, *, number: int) -> ShownExample:
    said = {
        "tuned/trial-2": (reference, 1.0),
        "few_shot/shots4": (f"Sure! Here is a shorter version:\n\n{asked}", 0.3137),
        "engineered/chain": ("", 0.0),
        "trivial/copy": (asked, 0.4211),
        "zero_shot/plain": ("The sentence says that " * 200, 0.0214),
    }
    answers = [Answer(arm=name, text=text, score=score) for name, (text, score) in said.items()]
    return ShownExample(id=f"{number:05}-c1f2", input=asked, reference=reference, answers=answers)


def spec() -> dict[str, Any]:
    """An experiment as it was run."""
    return {
        "task": "sentence_compression",
        "model": {"name": "sample", "revision": None, "dtype": "auto", "trust_remote_code": False},
        "baselines": ["trivial", "zero_shot", "few_shot", "engineered"],
        "search": {"method": "lora", "trials": 4, "space": {"rank": [8, 32, 64], "dropout": [0.0, 0.1]}},
        "gates": {"alpha": 0.05, "margin": None, "rouge": {"floor": 0.3}},
    }


def provenance() -> dict[str, Any]:
    return {
        "harness": "0.1.0",
        "versions": {"python": "3.11.9", "torch": "2.13.0", "transformers": "5.23.0"},
        "artifacts": {"train-3f9a2c1b07de": "trial 2, epoch 3", "score-81c0de77ab12": "score test"},
        "work": work_memory(),
    }
