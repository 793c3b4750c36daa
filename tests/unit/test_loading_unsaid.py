"""Prompts that name a task's labels, or what they mean, are refused where the task says nothing of them."""

from pathlib import Path

import pytest
from workspace import assert_one_line, failure, swap, write

from harness.loading import load_experiment
from harness.plan.arms import prompt_arms

FILE, QA, MOOD_TASK = "baselines/few_shot.yaml", "tasks/qa/task.yaml", "tasks/mood/task.yaml"
HEAD = "family: few_shot\ndescription: Several.\n"
MOOD = ("task=mood", "gates.metrics={}", "gates.rouge=null", "data={}")


def variant(root: Path, text: str) -> None:
    write(root, FILE, f"{HEAD}variants:\n  - {{name: a, {text}}}\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'pattern: "{input} One of {labels}:"',
            ["variants.0.pattern has {labels} in the line of {input}", "no labels"],
        ),
        (
            'pattern: "{instruction} {labels}\\n{input}"',
            ["has {labels} in the line of {instruction}", "line of its own"],
        ),
        ('pattern: "x\\n{definitions} {input}"', ["{definitions}", "task qa has no definitions"]),
        ('pattern: "{labels} {definitions} {input}"', ["has {labels} and {definitions} in the line of {input}"]),
        (
            'system: "Say {labels}."',
            ["variants.0.system has {labels}, but task qa has no labels", "leave {labels} out"],
        ),
    ],
)
def test_a_variant_that_names_labels_fits_no_task_without(root: Path, text: str, words: list[str]) -> None:
    variant(root, text)
    (line,) = failure()
    assert_one_line([line], f"{FILE}:4:{len('  - {name: a, ') + text.index(':') + 3}", *words)


def test_so_does_a_choice_of_the_search(root: Path) -> None:
    write(
        root,
        FILE,
        f'{HEAD}search:\n  space:\n    instruction: [plain, "{{input}} {{labels}}"]\n    system: ["{{labels}}"]\n',
    )
    first, second = failure()
    assert_one_line([first], f"{FILE}:5:26", "search.space.instruction.1 has {labels} in the line of {input}")
    assert_one_line([second], f"{FILE}:6:14", "search.space.system.0 has {labels}")


def test_lines_of_their_own_are_left_out_so_tasks_may_share_the_pattern(root: Path) -> None:
    variant(root, 'pattern: "{instruction}\\nOne of {labels}.\\n{definitions}\\n{input}"')
    plain = load_experiment(root / "experiments/first.yaml")
    mood = load_experiment(root / "experiments/first.yaml", overrides=MOOD)
    for resolved, labels, line in ((plain, [], ""), (mood, ["good", "bad"], "One of good, bad.\n")):
        asked = next(arm.prompt for arm in prompt_arms(resolved, labels=labels) if arm.family == "few_shot")
        assert asked is not None
        instruction = resolved.task.instruction.replace("{labels}", ", ".join(labels))
        assert asked.template == f"{instruction}\n{line}{{input}}"


def test_a_label_task_fills_them_in_even_where_its_labels_come_from_the_data(root: Path) -> None:
    variant(root, 'system: "{labels}", pattern: "{labels} {input}"')
    load_experiment(root / "experiments/first.yaml", overrides=MOOD)
    swap(root, MOOD_TASK, 'labels: ["good", "bad"]\n', "")
    load_experiment(root / "experiments/first.yaml", overrides=MOOD)
    variant(root, 'pattern: "{definitions} {input}"')
    assert_one_line(failure(*MOOD), f"{FILE}:4:24", "task mood has no definitions")
    swap(root, MOOD_TASK, "instruction:", "definitions: {good: fine}\ninstruction:")
    load_experiment(root / "experiments/first.yaml", overrides=MOOD)


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("instruction: Answer the question with one name.", 'instruction: " "', "11:14", ["instruction is empty"]),
        ("with one name.", "with one of {labels}, {labels}.", "11:14", ["has {labels}, but the task", "kind: label"]),
        (
            "metrics: [",
            'template: "{definitions}{input}"\nmetrics: [',
            "12:11",
            ["template has {definitions}", "or kind: label with definitions"],
        ),
    ],
)
def test_a_task_says_what_its_instruction_names(root: Path, old: str, new: str, place: str, words: list[str]) -> None:
    swap(root, QA, old, new)
    assert_one_line(failure(), f"{QA}:{place}", *words)


def test_a_line_is_not_left_out_with_the_labels_that_are_known(root: Path) -> None:
    variant(root, 'pattern: "Choose from {labels}. {definitions}\\n{input}"')
    (line,) = failure(*MOOD)
    assert "has {definitions} in the line of {labels}, but task mood has no definitions" in line


def test_so_does_its_hand_written_prompt(root: Path) -> None:
    swap(root, "tasks/qa/prompts/engineered.txt", "capital.\n", "capital.\nChoose: {labels}\n")
    place = "tasks/qa/prompts/engineered.txt:2:9"
    assert_one_line(failure(), place, "the prompt has {labels}, but the task has no labels", "take {labels} out")
