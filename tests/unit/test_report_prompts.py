"""A person who keeps prompting can copy every champion's prompt from the report, whole and as it is asked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fake_reader
import pytest
import report_parts as parts
import report_samples as samples
from fake_world import FakeWorld, Quiet, fake_setup
from markdown_it import MarkdownIt
from report_reading import Page, terminal
from workspace import make_workspace, swap, write

from harness.jsonl import write_lines
from harness.loading import load_experiment
from harness.plan import Plan
from harness.plan.setup import Setup
from harness.prepare import data_source
from harness.prompts import PromptConfig
from harness.records import Example
from harness.report.asked import shown_prompts
from harness.report.document import Report
from harness.report.gfm import block
from harness.report.html import render_html
from harness.report.markdown import render_markdown
from harness.report.prompt_rows import ShownPrompt
from harness.runner import run_to_goal
from harness.runner.execute import InProcess
from harness.store import Store

LONG = "Answer at once. " * 20
ODD = "\n\n<pre>a & b</pre>\n  indented\n```\n{input}\n"
MANY = f"""\
family: few_shot
description: Shots of every kind.
variants:
  - {{name: plain, pattern: "{LONG}{{input}}"}}
  - {{name: seeded, shots: 2, seed: 1, system: Be brief.}}
  - {{name: near, shots: 2, choose: bm25}}
"""
API = """\
family: few_shot
description: Another model.
api: {url: "http://127.0.0.1:9/v1", model: big, key_env: null}
variants: [{name: plain}]
"""


def example(number: int, *, split: str, text: str) -> Example:
    return Example(id=f"{split}-{number}", split=split, group="", input=text, reference=f"R{number}")  # type: ignore[arg-type]


def reached(tmp_path: Path, *, family: str = MANY, wins: Callable[[PromptConfig], bool]) -> tuple[Setup, Plan]:
    """A finished plan whose family few_shot is won by the prompt that `wins`, with real examples in its data."""
    spec = make_workspace(tmp_path)
    write(tmp_path, "baselines/few_shot.yaml", family)
    setup = fake_setup(load_experiment(spec, overrides=["baselines=[trivial, few_shot]"]))

    def score(step: object, world: FakeWorld) -> float:
        prompt = world.answers_of(step).inputs.get("prompt")  # type: ignore[arg-type]
        return 0.9 if prompt and wins(PromptConfig.model_validate(prompt)) else 0.2

    plan = FakeWorld(score).reach(setup)
    assert plan.data is not None
    train = [example(number, split="train", text=f"town number {number}") for number in range(4)]
    validation = [example(number, split="validation", text=f"number {3 - number}") for number in range(2)]
    write_lines(tmp_path / "train.jsonl", train)
    write_lines(tmp_path / "validation.jsonl", validation)
    return setup, replace(plan, data=replace(plan.data, path=tmp_path))


def shown(tmp_path: Path, *, family: str = MANY, wins: Callable[[PromptConfig], bool]) -> list[ShownPrompt]:
    setup, plan = reached(tmp_path, family=family, wins=wins)
    return shown_prompts(setup, plan, best="few_shot/any")


def test_champions_that_ask_are_shown_whole_and_those_that_do_not_are_left_out(tmp_path: Path) -> None:
    few, tuned = shown(tmp_path, wins=lambda prompt: LONG in prompt.template)
    assert (few.arm, tuned.arm) == ("few_shot/plain", "tuned/trial-0")
    assert few.prompt.template == f"{LONG}{{input}}"
    assert (few.model, few.address, few.previous) == ("fake", None, None)
    assert [turn.content for turn in few.asked] == [f"{LONG}number 3"]
    assert few.item == "validation-0"


def test_the_strongest_comes_first_and_the_same_plan_shows_the_same(tmp_path: Path) -> None:
    setup, plan = reached(tmp_path, wins=lambda prompt: prompt.shots > 0)
    found = shown_prompts(setup, plan, best="tuned/trial-0")
    assert [one.arm for one in found] == ["tuned/trial-0", "few_shot/seeded"]
    assert found == shown_prompts(setup, plan, best="tuned/trial-0")


def test_worked_examples_are_shown_as_they_are_asked(tmp_path: Path) -> None:
    few = shown(tmp_path, wins=lambda prompt: prompt.seed == 1)[0]
    roles = [turn.role for turn in few.asked]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert few.asked[0].content == "Be brief."
    assert {turn.content for turn in few.asked if turn.role == "assistant"} <= {"R0", "R1", "R2", "R3"}
    near = shown(tmp_path, wins=lambda prompt: prompt.choose == "bm25")[0]
    assert near.asked[-2].content == "R3", "the training example that shares a number with the first validation item"


@pytest.mark.parametrize("shots", ["3, seed: 5", "3, order: 2", "2, choose: bm25", None])
def test_what_is_shown_is_what_the_model_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shots: str | None
) -> None:
    heard = fake_reader.installed(monkeypatch)
    spec = make_workspace(tmp_path)
    swap(tmp_path, "tasks/qa/task.yaml", '[exact_match, rougeL, "metrics.py:same_length"]', "[exact_match]")
    swap(tmp_path, "experiments/first.yaml", "  rouge: {floor: 0.1}\n", "")
    listed = f"variants: [{{name: one{f', layout: text, shots: {shots}' if shots else ''}}}]\n"
    write(tmp_path, "baselines/few_shot.yaml", f"family: few_shot\ndescription: One.\n{listed}")
    resolved = load_experiment(spec, overrides=["baselines=[few_shot]"])
    setup, store = replace(fake_setup(resolved), source=data_source(resolved)), Store(tmp_path / "store")
    plan = run_to_goal(setup, store=store, executor=InProcess(store), display=Quiet(), goal="baselines")
    (few,) = shown_prompts(setup, plan, best="few_shot/one")
    assert [few.asked[0].content] == heard[:1]


def test_what_takes_more_than_training_data_is_not_looked_up_for_a_report(tmp_path: Path) -> None:
    setup, plan = reached(tmp_path, wins=lambda prompt: prompt.shots > 0)
    for changes in ({"passages": 1}, {"choose": "embedding"}):
        arms = [
            replace(one, arm=replace(one.arm, prompt=one.arm.prompt and one.arm.prompt.model_copy(update=changes)))
            for one in plan.baselines
        ]
        few = shown_prompts(setup, replace(plan, baselines=arms), best="few_shot/seeded")[0]
        assert (few.item, few.asked) == (None, [])


def test_a_sealed_plan_shows_prompts_and_no_tuned_model(tmp_path: Path) -> None:
    setup, plan = reached(tmp_path, wins=lambda prompt: prompt.shots > 0)
    sealed = replace(plan, tested={}, tuned=None)
    assert [one.arm for one in shown_prompts(setup, sealed, best="trivial/copy")] == ["few_shot/seeded"]


def test_a_model_behind_an_api_is_named_with_its_address(tmp_path: Path) -> None:
    few = shown(tmp_path, family=API, wins=lambda prompt: True)[0]
    assert (few.model, few.address) == ("big", "http://127.0.0.1:9/v1")


def with_prompt(**changes: object) -> Report:
    first, *others = parts.prompts()
    first = first.model_copy(update={"prompt": first.prompt.model_copy(update=changes)})
    return samples.fine_tune_report().model_copy(update={"prompts": [first, *others]})


@pytest.mark.parametrize("text", [ODD, LONG, "\n", "` `` ```` x"])
def test_what_is_copied_from_a_report_is_the_prompt_to_the_letter(text: str) -> None:
    report = with_prompt(template=text, system=text)
    page = Page(render_html(report))
    # A browser drops one line break after <pre>; the parser keeps it.
    assert page.blocks.count(f"\n{text}") == 2
    tokens = MarkdownIt("commonmark").parse(render_markdown(report))
    assert [token.content for token in tokens if token.type == "fence"].count(f"{text}\n") == 2
    assert Report.model_validate_json(report.model_dump_json()).prompts[0].prompt.template == text


def test_who_answers_and_how_is_said_of_every_champion() -> None:
    report = samples.fine_tune_report()
    for output in (Page(render_html(report)).text, render_markdown(report).replace("&#58;", ":")):
        for words in ("big-8b at https://api.example.com/v1", "the likeliest of 2 labels", "at most 64 tokens"):
            assert words in output
        assert "sample, with the adapter of this run" in output
        assert output.count("Worked examples or passages are retrieved for each item") == 1
        assert "As asked for the first validation item" in output
        assert "Sentence 3, long." in output
    assert "Prompts" not in terminal(report)


def test_an_earlier_version_and_an_optimisers_shots_are_named() -> None:
    first = with_prompt(shots=2, shot_ids=("train-7", "train-1")).prompts[0]
    first = first.model_copy(update={"previous": "experiment:last_year"})
    report = samples.fine_tune_report().model_copy(update={"prompts": [first]})
    page = Page(render_html(report)).text
    assert "sample, with the earlier version experiment:last_year" in page
    assert "by an optimiser: train-7, train-1" in page


def test_where_the_strongest_asks_no_model_the_section_says_so() -> None:
    report = samples.fine_tune_report().model_copy(update={"best_prompt": "trivial/copy"})
    for output in (Page(render_html(report)).text, render_markdown(report)):
        assert "The strongest, trivial/copy, asks no model." in output


def test_a_report_from_before_prompts_were_shown_is_read_and_has_no_such_section() -> None:
    old = samples.fine_tune_report().model_dump(mode="json")
    del old["prompts"]
    report = Report.model_validate(old)
    assert ">Prompts<" not in render_html(report)
    assert "## Prompts" not in render_markdown(report)


def test_a_fence_is_longer_than_any_it_holds() -> None:
    assert block("a\n````\nb") == "`````\na\n````\nb\n`````"
