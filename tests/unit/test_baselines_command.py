"""What `harness baselines` shows: a family table to paste, the best configurations, and all of them when asked."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_world import FakeWorld, fake_setup
from markdown_it import MarkdownIt
from rich.console import Console
from workspace import make_workspace, write

from harness.cli import prompts, running
from harness.cli.main import status
from harness.loading import load_experiment
from harness.report import gfm
from harness.steps import Step

MANY = "\n".join(
    f"  - {{name: a_rather_long_name_of_prompt_{number:02}, pattern: '{number} {{instruction}} {{input}}'}}"
    for number in range(14)
)
BEST = "a_rather_long_name_of_prompt_13"


def score(step: Step, world: FakeWorld) -> float:
    """Engineered prompts by the number they begin with, few shots well, the rest nothing."""
    asked = world.answers_of(step).inputs.get("prompt", {})
    if asked.get("shots"):
        return 0.5
    number = re.match(r"\d+", str(asked.get("template", "")))
    return 0.6 + 0.01 * int(number[0]) if number else 0.0


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What the command prints with these options, on a screen of 100 columns."""
    spec = make_workspace(tmp_path)
    write(tmp_path, "baselines/engineered.yaml", f"family: engineered\ndescription: Many.\nvariants:\n{MANY}\n")
    setup, world = fake_setup(load_experiment(spec)), FakeWorld(score, metrics=("exact_match", "rougeL", "same_length"))
    found = world.reach(setup, goal="baselines")
    monkeypatch.setattr(running, "_reached", lambda *_, **__: (setup, world, found))

    def printed(*options: str, width: int = 100) -> str:
        screen = Console(file=io.StringIO(), width=width, highlight=False, emoji=False)
        monkeypatch.setattr(prompts, "out", screen)
        assert status(["baselines", str(spec), *options]) == 0
        assert isinstance(screen.file, io.StringIO)
        return screen.file.getvalue()

    return printed


@pytest.mark.parametrize("width", [60, 100])
def test_families_come_first_best_first_and_can_be_pasted(shown: Callable[..., str], width: int) -> None:
    lines = shown(width=width).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert lines[1 : 1 + len(table)] == table
    assert len({len(line) for line in table}) == 1
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert rows[0] == ["family", "champion", "`exact_match`", "tried", "tokens in", "out", "seconds"]
    assert rows[2] == ["`engineered`", f"`{BEST}`", "0.730", "14", "2.5", "1.2", "14"]
    assert [row[0] for row in rows[2:]] == ["`engineered`", "`few_shot`", "`trivial`", "`zero_shot`"]
    assert MarkdownIt("commonmark").enable("table").render("\n".join(table)).count("<td") == 4 * 7


def test_the_best_twelve_are_shown_one_a_line_and_the_rest_is_counted(shown: Callable[..., str]) -> None:
    lines = shown().splitlines()
    listed = [line for line in lines if re.match(r"[● ] \w+/", line)]
    assert listed[0].startswith(f"● engineered/{BEST} ")
    assert [line.split("_of_prompt_")[1][:2] for line in listed] == [f"{number:02}" for number in range(13, 1, -1)]
    assert lines[-1] == "7 more: --all"
    assert max(map(len, listed)) <= 100


def test_all_shows_every_configuration_with_all_its_words(shown: Callable[..., str]) -> None:
    text = shown("--all")
    assert len(re.findall(r"^[● ] \w+/", text, re.MULTILINE)) == 19
    assert "more: --all" not in text
    assert "…" not in text.split("asks with")[1]


def test_json_holds_every_family_and_configuration(
    shown: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    shown("--json")
    found = json.loads(capsys.readouterr().out)
    assert len(found["baselines"]) == 19
    assert {row["arm"] for row in found["baselines"] if row["champion"]} >= {f"engineered/{BEST}"}
    assert all(row["validation"].keys() == {"exact_match", "rougeL", "same_length"} for row in found["baselines"])
    assert found["families"][0] == {
        "family": "engineered",
        "champion": f"engineered/{BEST}",
        "validation": pytest.approx(0.73),
        "configurations": 14,
        "tokens_in": 2.5,
        "tokens_out": 1.2,
        "seconds": 14.0,
    }


def test_columns_stay_in_line_and_what_is_special_stays_text() -> None:
    table = gfm.aligned_table(["a", "n"], [[gfm.name("x|y"), "1"], [gfm.name("語"), "100"]], right=1)
    assert table.splitlines() == ["| a    |   n |", "| ---- | --: |", "| x\\|y |   1 |", "| 語   | 100 |"]
