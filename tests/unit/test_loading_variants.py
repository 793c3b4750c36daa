"""Variants that contradict themselves, fit no task or need a model that is not there are placed where they stand."""

from pathlib import Path

import pytest
from workspace import assert_one_line, failure, swap, write

from harness.extras import install_command
from harness.loading import load_experiment

TRIVIAL = "family: trivial\ndescription: None.\nvariants:\n"
FAMILY = "family: few_shot\ndescription: Similar.\n"
SIMILAR = "variants:\n  - {name: near, shots: 2, choose: embedding}\n"
MODELS = {
    "bare/modules.json": "[]",
    "pickled/modules.json": '[{"path": ""}, {"path": "2_Dense"}]',
    "pickled/model.safetensors": "x",
    "pickled/2_Dense/model.bin": "x",
    "torn/modules.json": "{",
    "torn/model.safetensors": "x",
    "odd/modules.json": "[1]",
    "odd/model.safetensors": "x",
}
MOOD = ("task=mood", "gates.metrics={}", "gates.rouge=null", "data={}")


@pytest.mark.parametrize(
    ("variant", "column", "words"),
    [
        ("{name: a, rule: copy, answer: x}", 35, ["variants.0.answer", "rule: copy", "Fix: rule: constant"]),
        ("{name: a, rule: copy, shots: 2}", 34, ["variants.0.shots", "asks no model", "leave shots out"]),
        ("{name: a, rule: constant, seed: 0}", 37, ["variants.0.seed", "rule: constant"]),
        ('{name: a, rule: nearest, pattern: "{input}"}', 39, ["variants.0.pattern", "rule: nearest"]),
        ("{name: a, rule: copy, system: Hi.}", 35, ["variants.0.system"]),
        ("{name: a, rule: copy, choose: bm25}", 35, ["variants.0.choose"]),
        ("{name: a, shots: 2}", 5, ["variants.0.rule is missing"]),
    ],
)
def test_a_rule_says_nothing_of_asking(root: Path, variant: str, column: int, words: list[str]) -> None:
    write(root, "baselines/trivial.yaml", f"{TRIVIAL}  - {variant}\n")
    assert_one_line(failure(), f"baselines/trivial.yaml:4:{column}", *words)


def test_an_answer_without_a_rule_is_no_constant(root: Path) -> None:
    swap(root, "baselines/few_shot.yaml", "shots: 2", "shots: 2, answer: x")
    assert_one_line(failure(), "baselines/few_shot.yaml:4:35", "the variant has no rule", "leave answer out")


def test_every_mistake_of_a_variant_is_told(root: Path) -> None:
    write(root, "baselines/trivial.yaml", f"{TRIVIAL}  - {{name: a, rule: copy, answer: x, shots: 2, order: 1}}\n")
    assert len(failure()) == 3


@pytest.mark.parametrize("key", ["search: {trials: 2}", "dspy: {calls: 20}"])
def test_the_trivial_family_searches_nothing(root: Path, key: str) -> None:
    write(root, "baselines/trivial.yaml", f"{TRIVIAL}  - {{name: a, rule: copy}}\n{key}\n")
    assert_one_line(failure(), "baselines/trivial.yaml:5:1", key.split(":")[0], "answers without one")


def test_rules_may_stand_in_other_families(root: Path) -> None:
    write(root, "baselines/few_shot.yaml", f"{FAMILY}variants:\n  - {{name: near, rule: nearest}}\n  - {{name: two}}\n")
    family = load_experiment(root / "experiments" / "first.yaml").families[2]
    assert [variant.rule for variant in family.variants] == ["nearest", None]


def test_a_constant_is_a_label_where_the_labels_are_known(root: Path) -> None:
    write(root, "baselines/trivial.yaml", f"{TRIVIAL}  - {{name: a, rule: constant, answer: goood}}\n")
    load_experiment(root / "experiments" / "first.yaml")
    assert_one_line(failure(*MOOD), "baselines/trivial.yaml:4:39", "'goood'", "no label of task mood", "mean good?")
    swap(root, "tasks/mood/task.yaml", 'labels: ["good", "bad"]\n', "")
    load_experiment(root / "experiments" / "first.yaml", overrides=MOOD)


@pytest.mark.parametrize("answer", ["good", "Good.", "bad"])
def test_a_constant_may_be_spelt_as_answers_are(root: Path, answer: str) -> None:
    write(root, "baselines/trivial.yaml", f"{TRIVIAL}  - {{name: a, rule: constant, answer: {answer}}}\n")
    families = load_experiment(root / "experiments" / "first.yaml", overrides=MOOD).families
    assert [variant.answer for family in families for variant in family.variants if variant.rule] == [answer]


def test_shots_by_embedding_need_a_model(root: Path) -> None:
    write(root, "baselines/few_shot.yaml", FAMILY + SIMILAR)
    assert_one_line(failure(), "baselines/few_shot.yaml:4:36", "variants.0.choose", "needs embedding_model", "bm25")
    search = "search:\n  space:\n    choose: [bm25, embedding]\n"
    write(root, "baselines/few_shot.yaml", FAMILY + search)
    assert_one_line(failure(), "baselines/few_shot.yaml:5:20", "search.space.choose.1", "needs embedding_model")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("./nowhere", ["no such folder", "modules.json"]),
        ("nowhere", ["no such folder", "OWNER/NAME"]),
        ("./tasks/qa/data.jsonl", ["no such folder"]),
        ("tasks/qa", ["holds no modules.json"]),
        ("../outside", ["leads out of the workspace"]),
        ("package:nopackage_of_that_name/x", ["is not installed"]),
        ("package:pytest/no/such", ["holds no no/such"]),
        ("models/bare", ["no *.safetensors weights", "save_pretrained"]),
        ("models/pickled", ["no *.safetensors weights in 2_Dense", "pickled weights are not read"]),
        ("models/torn", ["its modules.json is not the list of modules"]),
        ("models/odd", ["its modules.json is not the list of modules"]),
    ],
)
def test_an_embedding_model_is_there(root: Path, name: str, words: list[str]) -> None:
    for file, text in MODELS.items():
        write(root, f"models/{file}", text)
    write(root, "baselines/few_shot.yaml", f"{FAMILY}embedding_model: {name}\n{SIMILAR}")
    assert_one_line(failure(), "baselines/few_shot.yaml:3:18", "embedding_model is", *words)


def test_an_embedding_model_may_be_a_folder_or_on_the_hub(root: Path) -> None:
    write(root, "models/small/modules.json", "[]")
    write(root, "models/small/model.safetensors", "x")
    for name in ("models/small", "./models/small", str(root / "models" / "small"), "owner/name"):
        write(root, "baselines/few_shot.yaml", f"{FAMILY}embedding_model: {name}\n{SIMILAR}")
        assert load_experiment(root / "experiments" / "first.yaml").families[2].embedding_model == name


@pytest.mark.parametrize("key", ["api", "previous"])
def test_an_empty_section_that_has_no_default_is_a_mistake(root: Path, key: str) -> None:
    write(root, "baselines/few_shot.yaml", f"{FAMILY}variants: [{{name: plain}}]\n{key}:\n")
    assert_one_line(failure(), "baselines/few_shot.yaml:4:1", f"{key} is empty", "leave it out")


def test_an_empty_search_is_the_default_one(root: Path) -> None:
    write(root, "baselines/few_shot.yaml", f"{FAMILY}search:\n")
    families = load_experiment(root / "experiments/first.yaml").families
    (search,) = [family.search for family in families if family.family == "few_shot"]
    assert search is not None
    assert search.trials == 12


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_rows_is_one_message(tmp_path: Path, content: str) -> None:
    from harness.adapters.tables import corpus_rows
    from harness.errors import UserError

    (tmp_path / "empty.jsonl").write_text(content)
    with pytest.raises(UserError, match="holds no rows"):
        corpus_rows(tmp_path / "empty.jsonl")


def test_without_the_library_that_embeds_the_extra_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "baselines/few_shot.yaml", f"{FAMILY}embedding_model: owner/name\n{SIMILAR}")
    monkeypatch.setattr("harness.loading.embeddings.LIBRARY", "no-such-library")
    what = "no-such-library is not installed, which `choose: embedding` needs"
    fix = f"Fix: {install_command('embeddings')}"
    assert_one_line(failure(), "baselines/few_shot.yaml:3:18", what, fix)
