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
            "{name: a, shots: 2, order: 5}",
            "order",
            ["order is 5, a shuffle that leaves 2 shots as they", "Fix: order: 1"],
        ),
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


SPACE = f"{HEAD}search:\n  space:\n"


@pytest.mark.parametrize(
    ("space", "place", "words"),
    [
        (
            "shots: [0]\n    choose: [bm25]",
            "6:5",
            ["search.space.choose is about", "the search shows none", "Fix: add shots: [0, 3], or leave choose out"],
        ),
        (
            "shots: [0]\n    layout: [text]\n    order: [0, 1]\n    seed: [1]",
            "8:5",
            ["search.space.seed", "so seed, order and layout would do nothing"],
        ),
        (
            "choose: [bm25]\n    seed: [0, 1]",
            "6:5",
            ["choose: [bm25] leaves nothing to chance", "or choose: [random, bm25]"],
        ),
        ("shots: [0, 1]\n    order: [0, 1]", "6:5", ["search.space.order", "the search shows a single one"]),
        (
            "shots: [0, 2]\n    order: [5]",
            "6:5",
            ["order is [5], a shuffle that leaves [0, 2] shots as they were", "order: [0, 1]"],
        ),
        ("shots: [3, 0, 3]", "5:19", ["search.space.shots names 3 twice", "Fix: shots: [3, 0]"]),
        ("system: [null, null]", "5:20", ["search.space.system names null twice", "Fix: system: [null]"]),
    ],
)
def test_a_choice_of_the_search_without_effect_is_one_message(
    root: Path, space: str, place: str, words: list[str]
) -> None:
    write(root, FILE, f"{SPACE}    {space}\n")
    assert_one_line(failure(), f"{FILE}:{place}", *words)


@pytest.mark.parametrize(
    "space",
    [
        "shots: [0]",
        "shots: [0]\n    order: [0]\n    seed: [0]\n    choose: [random]\n    layout: [turns]",
        "choose: [bm25]",
        "choose: [bm25, random]\n    seed: [1]",
        "shots: [0, 2]\n    order: [5, 1]",
        "shots: [1]\n    layout: [text]",
        "shots: [1000000000]\n    order: [1]",
    ],
)
def test_choices_that_do_something_or_were_not_written_are_fine(root: Path, space: str) -> None:
    write(root, FILE, f"{SPACE}    {space}\n")
    (family,) = [one for one in load_experiment(root / "experiments/first.yaml").families if one.search]
    assert family.search is not None
    assert space.split(":")[0] in family.search.space.model_fields_set


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{name: a}", "{name: b, prompt: plain, shots: 0}"),
        ("{name: a, shots: 2, order: 1}", "{name: b, shots: 2, order: 2}"),
        ("{name: a, shots: 3, choose: bm25}", "{name: b, choose: bm25, shots: 3, layout: turns}"),
        ('{name: a, pattern: "Q {input}"}', "{name: b, pattern: 'Q {input}'}"),
        ("{name: a, rule: copy}", "{name: b, rule: copy}"),
    ],
)
def test_variants_that_ask_the_same_are_one_message(root: Path, one: str, other: str) -> None:
    family(root, one, other)
    what = "variants.1 ('b') asks what 'a' asks. Fix: leave b out"
    assert_one_line(failure(), f"{FILE}:5:12", what)


def test_variants_that_differ_in_what_is_asked_are_fine(root: Path) -> None:
    shots = ("{name: a, shots: 3, order: 1}", "{name: b, shots: 3, order: 4}", "{name: c, shots: 3, seed: 1}")
    rules = (
        "{name: d, rule: constant, answer: x}",
        "{name: e, rule: constant, answer: y}",
        "{name: f, rule: constant}",
    )
    family(root, *shots, *rules, "{name: g}", "{name: h, system: Hi.}", "{name: i, prompt: engineered}")
    families = load_experiment(root / "experiments/first.yaml").families
    assert [variant.name for one in families for variant in one.variants if one.family == "few_shot"] == list(
        "abcdefghi"
    )


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
