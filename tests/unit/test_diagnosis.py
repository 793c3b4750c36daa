"""Each rule of the diagnosis fires where its number is reached, is silent just before, and on a trial that is well."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.diagnosis import Asked, Base, Facts, Finding, Reply, Rule, findings
from harness.diagnosis.answers import entropy
from harness.records import Epoch

TRAIN, VALIDATION, SCORES = (1.2, 0.9, 0.8), (1.1, 1.0, 0.98), (0.6, 0.7, 0.72)


def epochs(train: Sequence[float], validation: Sequence[float | None], scores: Sequence[float] = ()) -> list[Epoch]:
    rows = zip(train, validation, scores or [0.5] * len(train), strict=True)
    return [
        Epoch(epoch=number, train_loss=loss, tokens=100, validation={"m": score}, validation_loss=held_out)
        for number, (loss, held_out, score) in enumerate(rows, start=1)
    ]


def falling(train: Sequence[float], *, start: float = 2.0, steps: int = 20) -> list[list[float]]:
    """Steps of each epoch; the first three cost `start`."""
    made = [[loss] * steps for loss in train]
    made[0][:6] = [start] * 6  # A tenth of sixty steps is the beginning.
    return made


def labelled(given: Sequence[str | None]) -> list[Reply]:
    return [Reply(label or "?", label=label) for label in given]


def well(**changes: Any) -> Facts:
    """Forty items of two classes, nearly all right; losses that fall and stay down."""
    wanted = ["red", "blue"] * 20
    usual = random.Random(0)
    facts = Facts(
        metric="m",
        params={"learning_rate": 1e-3, "rank": 8},
        epochs=epochs(TRAIN, VALIDATION, SCORES),
        best_epoch=3,
        steps=falling(TRAIN),
        examples=200,
        asked=Asked(wanted, ["red", "blue"], "Say the colour, one word.\n\n{input}", 4),
        replies=labelled([*wanted[:-4], "red", "red", "blue", "blue"]),
        base=Base(0.5, labelled(wanted)),
        losses=[[(f"{n}", loss + usual.gauss(0, 0.2)) for n in range(200)] for loss in TRAIN],
        probe=0.03,
    )
    return replace(facts, **changes)


def found(facts: Facts, rule: Rule) -> Finding | None:
    return next((one for one in findings(facts) if one.rule == rule), None)


def test_a_trial_that_is_well_has_no_finding() -> None:
    assert findings(well()) == []


def test_nothing_is_said_of_a_trial_of_which_nothing_is_known() -> None:
    assert findings(Facts(metric="m", params={"learning_rate": 1e-3}, ended="running")) == []
    bare = epochs([1.0], [None])
    assert findings(Facts(metric="m", params={"learning_rate": 1e-3}, epochs=bare, best_epoch=1)) == []


@pytest.mark.parametrize(
    ("train", "validation", "ill"),
    [
        ((1.2, 0.9, 0.5), (1.1, 1.0, 1.06), True),
        ((1.2, 0.9, 0.5), (1.1, 1.0, 1.04), False),
        ((1.2, 0.9, 0.95), (1.1, 1.0, 1.2), False),
        ((0.1, 0.02, 0.01), (0.03, 0.01, 0.025), False),
        ((0.1, 0.02, 0.01), (0.03, 0.01, 0.035), True),
    ],
    ids=["6 % up", "4 % up", "both up", "little in nats", "enough in nats"],
)
def test_overfitting(train: tuple[float, ...], validation: tuple[float, ...], ill: bool) -> None:
    one = found(well(epochs=epochs(train, validation), best_epoch=2), "overfitting")
    assert (one is not None) == ill
    if one:
        assert one.epoch == 3
        assert f"from {validation[1]:.3f} nats after epoch 2 to {validation[2]:.3f} after epoch 3" in one.evidence
        assert one.change == "search.space.epochs: [1, 2]"


def test_underfitting_by_a_loss_that_hardly_falls() -> None:
    flat = well(epochs=epochs((2.0, 1.95, 1.92), (2.0, 2.0, 1.99)), best_epoch=1, steps=falling((1.95, 1.95, 1.92)))
    one = found(flat, "underfitting")
    assert one is not None
    assert "2.000 nats in the first steps, 1.920 in the last" in one.evidence
    assert one.change == "search.space.learning_rate: [0.001, 0.01]"
    fallen = replace(flat, epochs=epochs((2.0, 1.95, 1.89), (2.0, 2.0, 1.99), SCORES))
    assert found(fallen, "underfitting") is None
    later = replace(flat, steps=falling((1.95, 1.95, 1.59)), epochs=epochs((2.0, 1.95, 1.92), (2, 2, 1.99), SCORES))
    assert found(later, "underfitting") is None


def test_underfitting_of_one_epoch_looks_at_its_steps() -> None:
    once = well(epochs=epochs([1.97], [1.9], [0.6]), best_epoch=1, steps=[[2.0] * 3 + [1.95] * 17])
    assert found(once, "underfitting") is not None
    assert found(replace(once, steps=[[2.0] * 3 + [1.85] * 17]), "underfitting") is None
    assert found(replace(once, steps=[[2.0] * 9]), "underfitting") is None


def test_underfitting_by_epochs_that_ended_too_soon() -> None:
    steep = well(epochs=epochs((2.0, 1.5), (1.8, 1.5), (0.5, 0.6)), best_epoch=2, steps=falling((2.0, 1.5)))
    one = found(steep, "underfitting")
    assert one is not None
    assert "1.800 nats after epoch 1, 1.500 after epoch 2" in one.evidence
    assert one.change == "search.space.epochs: [2, 4]"
    assert found(replace(steep, epochs=epochs((2.0, 1.5), (1.8, 1.55), (0.5, 0.6))), "underfitting") is None
    for ended in ("pruned", "stopped"):
        assert found(replace(steep, ended=ended), "underfitting") is None


def test_underfitting_by_answers_no_better_than_without_training() -> None:
    useless = well(base=Base(0.72, []))
    one = found(useless, "underfitting")
    assert one is not None
    assert "m is 72.0 at the best epoch, and 72.0 without any training" in one.evidence
    assert found(well(base=Base(0.71, [])), "underfitting") is None
    top = well(base=Base(1.0, []), epochs=epochs(TRAIN, VALIDATION, (0.9, 0.9, 1.0)))
    assert found(top, "underfitting") is None


def test_divergence() -> None:
    nan = well(epochs=[], best_epoch=None, steps=[], ended="failed", error="loss became nan at step 3: too high")
    one = found(nan, "divergence")
    assert one is not None
    assert one.evidence == "Loss became nan at step 3."
    assert one.epoch == 1
    assert one.change == "search.space.learning_rate: [1e-05, 0.0001]"
    assert found(replace(nan, error="out of memory"), "divergence") is None
    for highest, ill in ((4.01, True), (3.99, False)):
        steps = falling(TRAIN)
        steps[1][7] = highest
        spike = found(well(steps=steps), "divergence")
        assert (spike is not None) == ill
        if spike:
            assert spike.epoch == 2
            assert "Step 8 of epoch 2 has a loss of 4.010 nats; it began with 2.000" in spike.evidence
    assert found(well(epochs=epochs((1.0, 1.1, 1.11), VALIDATION)), "divergence") is not None
    assert found(well(epochs=epochs((1.0, 1.1, 1.09), VALIDATION)), "divergence") is None
    once = {"epochs": epochs([1.5], [1.5]), "best_epoch": 1}
    assert found(well(steps=[[1.0] * 3 + [1.51] * 17], **once), "divergence") is not None
    assert found(well(steps=[[1.0] * 3 + [1.49] * 17], **once), "divergence") is None


def test_mode_collapse_of_labels() -> None:
    half = ["red"] * 36 + ["blue"] * 4
    assert entropy(half) == pytest.approx(0.469, abs=1e-3)
    one = found(well(replies=labelled(half)), "mode_collapse")
    assert one is not None
    assert "“red” is the answer to 36 of 40 items: 0.47 bits of entropy, 1.00 in the references" in one.evidence
    assert found(well(replies=labelled(["red"] * 35 + ["blue"] * 5)), "mode_collapse") is None
    silent = found(well(replies=[Reply("")] * 40), "mode_collapse")
    assert silent is not None
    assert "“” is the answer to 40 of 40 items" in silent.evidence
    assert found(well(replies=[Reply(f"text {n}") for n in range(40)]), "mode_collapse") is None
    few = well(asked=Asked(["red", "blue"] * 4, ["red", "blue"]), replies=labelled(["red"] * 8))
    assert found(few, "mode_collapse") is None


def test_mode_collapse_of_texts() -> None:
    asked = Asked([f"text {n}" for n in range(20)])
    for different, ill in ((9, True), (10, False)):
        replies = [Reply(f"Said  {min(n, different - 1)}") for n in range(20)]
        one = found(well(asked=asked, replies=replies), "mode_collapse")
        assert (one is not None) == ill
    assert "9 different answers to 20 items that have 20 different references" in str(
        found(well(asked=asked, replies=[Reply(f"said {min(n, 8)}") for n in range(20)]), "mode_collapse")
    )


def test_entropy_is_in_bits() -> None:
    assert entropy([]) == entropy("aaaa") == 0
    assert entropy("aabb") == 1
    assert entropy("abcd") == 2


def test_a_lost_class() -> None:
    wanted = ["red"] * 60 + ["blue"] * 20

    def judged(blue: int, *, items: int = 20) -> Finding | None:
        given = ["red"] * 54 + ["blue"] * 6 + ["blue"] * blue + ["red"] * (items - blue)
        base = Base(0.2, labelled(["blue"] * (60 + items)))
        return found(well(asked=Asked(wanted[: 60 + items], ["red", "blue"]), replies=labelled(given), base=base), rule)

    rule: Rule = "minority_class"
    one = judged(5)
    assert one is not None
    said = "Of 20 items that are “blue” 25 % are found, of the others 90 %; without tuning it was found in 100 %"
    assert said in one.evidence
    assert judged(14) is None  # 70 %: below by a fifth.
    assert judged(13, items=20) is not None  # 65 %, and as few by chance once in 400 times.
    assert judged(1, items=2) is None  # 50 %, but so few by chance once in five times.


def test_a_class_of_thousands_is_judged_as_well() -> None:
    asked = Asked(["red"] * 6000 + ["blue"] * 2000, ["red", "blue"])
    half = labelled(["red"] * 6000 + ["blue"] * 1000 + ["red"] * 1000)
    one = found(well(asked=asked, replies=half), "minority_class")
    assert one is not None
    assert "Of 2000 items" in one.evidence.replace(",", "")


def test_format_errors() -> None:
    asked = Asked(["a short answer"] * 20, (), "Say the colour, one word.\n\n{input}", 4)
    good = [Reply(f"answer {n}") for n in range(20)]

    def judged(*bad: Reply, **more: Any) -> Finding | None:
        return found(well(asked=more.get("asked", asked), replies=[*bad, *good[len(bad) :]]), "format")

    assert judged(Reply("a", finished=False)) is None
    cut = judged(Reply("a", finished=False), Reply("b", finished=False))
    assert cut is not None
    assert "2 of 20 answers have the wrong form: 2 cut at max_new_tokens" in cut.evidence
    assert cut.change == "max_new_tokens: 8"
    mixed = judged(Reply("yes<|im_end|>"), Reply("<|im_start|>no"), Reply(" "))
    assert mixed is not None
    assert "2 with tokens of a chat template, 1 empty" in mixed.evidence
    assert "repeating the prompt" in str(judged(*[Reply("Say the colour,  one word. Red")] * 2))
    assert judged(*[Reply("", fits=False)] * 9) is None
    labels = replace(asked, labels=["red", "blue"], references=["red"] * 20)
    assert "20 naming no label" in str(judged(asked=labels))


def test_too_little_data() -> None:
    gap = {"epochs": epochs((1.0, 0.8), (1.1, 1.01)), "best_epoch": 2}
    one = found(well(examples=49, **gap), "too_little_data")
    assert one is not None
    assert "49 training examples, fewer than 50" in one.evidence
    assert found(well(examples=50, **gap), "too_little_data") is None
    near = {"epochs": epochs((1.0, 0.8), (1.1, 0.99)), "best_epoch": 2}
    assert found(well(examples=49, **near), "too_little_data") is None


def noisy(count: int, *, by: float) -> Facts:
    losses = [[(name, loss) for name, loss in epoch] for epoch in well().losses]
    for epoch in losses:
        for place in range(0, 17 * count, 17):
            epoch[place] = (epoch[place][0], epoch[place][1] + by)
    return well(losses=losses, texts={"17": ("the input", "the answer")})


def test_label_noise() -> None:
    one = found(noisy(6, by=2.5), "label_noise")
    assert one is not None
    assert {suspect.id for suspect in one.suspects} == {f"{17 * n}" for n in range(6)}
    assert min(suspect.loss for suspect in one.suspects) > 2.5
    assert next(s for s in one.suspects if s.id == "17").reference == "the answer"
    assert found(noisy(6, by=0.5), "label_noise") is None
    assert found(noisy(3, by=2.5), "label_noise") is None  # Three in two hundred are less than two per cent.
    assert len(str(found(noisy(11, by=2.5), "label_noise")).split("Suspect(")) - 1 == 10


def test_examples_that_came_first_are_no_suspects() -> None:
    """In a first epoch every loss falls along the way."""
    usual = random.Random(1)
    falls = [(f"{n}", 4 * math.exp(-n / 20) + 0.5 + usual.gauss(0, 0.2)) for n in range(200)]
    assert found(well(losses=[falls]), "label_noise") is None


def test_forgetting() -> None:
    one = found(well(probe_benchmarks={"piqa": -0.125, "arc": -0.083333}), "forgetting")
    assert one is not None
    assert one.evidence == "accuracy on the probe's items of piqa fell by 12.5 points."
    assert found(well(probe_benchmarks={"piqa": -0.083333, "arc": 0.25}), "forgetting") is None
    assert "general text costs 0.260 nats a token more" in str(found(well(probe=0.26), "forgetting"))
    assert found(well(probe=0.24), "forgetting") is None
    assert found(well(probe=None), "forgetting") is None
