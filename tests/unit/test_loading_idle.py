"""Settings that would change nothing are told where they stand; what several tasks share is let be."""

from pathlib import Path

import pytest
from workspace import assert_one_line, failure, swap, write

from harness.loading import load_experiment
from harness.loading.optimisers import FEWEST_MIPRO
from harness.stages.optimise import TRIED_ON

FILE = "baselines/few_shot.yaml"
HEAD = "family: few_shot\ndescription: Several.\n"
MOOD = ("task=mood", "gates.metrics={}", "gates.rouge=null", "data={}")


def family(root: Path, *variants: str, more: str = "") -> None:
    write(root, FILE, HEAD + more + "variants:\n" + "".join(f"  - {variant}\n" for variant in variants))


@pytest.mark.parametrize(
    ("variant", "key", "words"),
    [
        ("{name: a, choose: bm25}", "choose", ["variants.0.choose", "Fix: add shots: 3, or leave choose out"]),
        ("{name: a, shots: 0, seed: 4}", "seed", ["variants.0.seed", "leave seed out"]),
        ("{name: a, layout: text}", "layout", ["variants.0.layout", "leave layout out"]),
        ("{name: a, seed: 1, order: 2}", "seed", ["variants.0.seed", "seed and order would do nothing"]),
        ("{name: a, shots: 2, choose: bm25, seed: 3}", "seed", ["variants.0.seed", "choose: bm25", "leave seed out"]),
        ("{name: a, shots: 1, order: 3}", "order", ["variants.0.order", "a single one", "leave order out"]),
        (
            '{name: a, prompt: engineered, pattern: "{input}"}',
            "pattern",
            ["pattern would do nothing", "leave pattern"],
        ),
        ('{name: a, prompt: plain, pattern: "{input}"}', "prompt", ["prompt would do nothing", "leave prompt out"]),
    ],
)
def test_a_setting_without_effect_is_one_message(root: Path, variant: str, key: str, words: list[str]) -> None:
    family(root, variant)
    column = len("  - ") + variant.index(f"{key}: ") + len(f"{key}: ") + 1
    assert_one_line(failure(), f"{FILE}:4:{column}", *words)


@pytest.mark.parametrize(
    ("more", "place", "words"),
    [
        ("embedding_model: owner/name\n", "3:18", ["nothing in this file chooses by embedding", "choose: embedding"]),
        ("decoding: [likelihood]\n", "3:1", ["task qa has none", "decoding: [generate, likelihood]"]),
        ("decoding: [generate, generate]\n", "3:22", ["decoding names generate twice", "Fix: decoding: [generate]"]),
    ],
)
def test_a_setting_of_the_family_without_effect_is_one_message(
    root: Path, more: str, place: str, words: list[str]
) -> None:
    family(root, "{name: a, shots: 2}", more=more)
    assert_one_line(failure(), f"{FILE}:{place}", *words)


@pytest.mark.parametrize(
    ("more", "name"), [("decoding: [generate]\n", "decoding"), ("api: {url: 'http://h/v1', model: m}\n", "api")]
)
def test_rules_alone_ask_nobody(root: Path, more: str, name: str) -> None:
    family(root, "{name: a, rule: majority}", more=more)
    assert_one_line(failure(), f"{FILE}:3:1", f"{name} is about a model that answers", f"leave {name} out")
    family(root, "{name: a, rule: majority}", "{name: b}", more=more)
    load_experiment(root / "experiments/first.yaml")


@pytest.mark.parametrize(
    "variant",
    [
        "{name: a, shots: 2, choose: bm25, order: 1, layout: text}",
        "{name: a, shots: 2, choose: random, seed: 4}",
        "{name: a, shots: 1, choose: bm25, seed: 0, order: 0}",
        '{name: a, pattern: "{input}"}',
        "{name: a, prompt: engineered}",
        "{name: a, shots: 0, choose: random, seed: 0, order: 0, layout: turns}",
    ],
)
def test_settings_that_do_something_or_were_not_written_are_fine(root: Path, variant: str) -> None:
    family(root, variant)
    assert len(load_experiment(root / "experiments/first.yaml").families) == 4


def test_a_family_that_several_tasks_share_may_name_both_ways_of_answering(root: Path) -> None:
    family(root, "{name: a, shots: 2}", more="decoding: [generate, likelihood]\n")
    both = load_experiment(root / "experiments/first.yaml").families
    assert ["generate", "likelihood"] in [family.decoding for family in both]
    swap(root, FILE, "[generate, likelihood]", "[likelihood]")
    likeliest = load_experiment(root / "experiments/first.yaml", overrides=MOOD).families
    assert ["likelihood"] in [family.decoding for family in likeliest]


def test_too_few_calls_for_miprov2_are_told_with_the_least(root: Path) -> None:
    write(root, FILE, f"{HEAD}dspy: {{optimizer: miprov2, calls: {FEWEST_MIPRO - 1}}}\n")
    assert_one_line(failure(), f"{FILE}:3:35", "dspy.calls is 39", "needs at least 40", "Fix: calls: 200")
    swap(root, FILE, "calls: 39", "calls: 40")
    load_experiment(root / "experiments/first.yaml")
    write(root, FILE, f"{HEAD}dspy: {{optimizer: gepa, calls: 39}}\n")
    load_experiment(root / "experiments/first.yaml")


def test_the_least_of_miprov2_samples_as_many_examples_as_it_shows() -> None:
    from harness.adapters.dspy_optimizer import SHOWN

    assert FEWEST_MIPRO // TRIED_ON["train"]["miprov2"] == SHOWN
