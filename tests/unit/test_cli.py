"""The command line: exit statuses, where output goes, and what is not imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from report_samples import fine_tune_report, prompt_report
from workspace import make_workspace, swap

from harness.cli.main import status
from harness.cli.reporting import run_id, write_report
from harness.loading.positions import read_document

WIN = {"metric": "binary", "ft": [[1] * 180 + [0] * 20], "baselines": {"zero_shot": [1] * 100 + [0] * 100}}
TIE = {**WIN, "ft": [[1] * 104 + [0] * 96]}
LOSS = {"metric": "binary", "ft": [[1] * 60 + [0] * 140], "baselines": {"zero_shot": [1] * 160 + [0] * 40}}


@pytest.mark.parametrize(
    ("scores", "verdict", "code"), [(WIN, "FINE_TUNE", 0), (LOSS, "PROMPT", 3), (TIE, "INCONCLUSIVE", 4)]
)
def test_judge_exits_with_its_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scores: dict[str, object], verdict: str, code: int
) -> None:
    file = tmp_path / "scores.json"
    file.write_text(json.dumps(scores))
    assert status(["judge", str(file), "--json"]) == code
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict
    assert status(["judge", str(file)]) == code
    assert verdict in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"metric": "binary", "ft": [[1, 0]], "baselines": {"a": [1]}}', "baselines.a"),
        ('{"metric": "binary", "ft": [[1, 2]], "baselines": {"a": [1, 1]}}', "ft[0][1]"),
        ('{"metric": "binary", "ft": [[1]], "baselines": {"a": [1]}, "alpha": 1.5}', "alpha"),
        ('{"metric": "binary", "ft": [[1]], "baselines": {"a": [1]}, "colour": 1}', "colour"),
        ("{", ":1:2"),
    ],
)
def test_judge_names_the_field_of_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    file = tmp_path / "scores.json"
    file.write_text(text)
    assert status(["judge", str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert len(captured.err.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["run", "check", "plan", "baselines", "search", "report"])
def test_a_wrong_spec_is_one_line_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    make_workspace(tmp_path)
    swap(tmp_path, "experiments/first.yaml", "trials: 2", "trials: 0")
    monkeypatch.chdir(tmp_path)
    assert status([command, "experiments/first.yaml"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("experiments/first.yaml:5:11: search.trials is 0")
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.out == ""


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--help"], ["check", "wrong.yaml"]])
def test_help_and_mistakes_load_no_heavy_library(tmp_path: Path, arguments: list[str]) -> None:
    make_workspace(tmp_path)
    (tmp_path / "wrong.yaml").write_text("task: qa\ntrails: 3\n")
    code = (
        "import sys; from harness.cli.main import status; status(sys.argv[1:]);"
        "heavy = {'torch', 'transformers', 'datasets', 'pandas', 'scipy', 'optuna', 'numpy'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_command_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("run", "check", "plan", "baselines", "search", "judge", "report", "compare", "runs", "schema"):
        assert status([command, "--help"]) == 0
        assert f"Example:  harness {command}" in capsys.readouterr().out


def test_an_unknown_option_is_a_users_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["run", "--frobnicate"]) == 2
    assert "No such option" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["experiment", "task", "baseline"])
def test_the_schema_documents_every_field(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    assert status(["schema", kind]) == 0
    schema = json.loads(capsys.readouterr().out)
    for owner in (schema, *schema.get("$defs", {}).values()):
        assert all("description" in field for field in owner.get("properties", {}).values()), owner.get("title")


@pytest.mark.parametrize(("kind", "files"), [("baseline", "baselines/*.yaml"), ("task", "tasks/*/task.yaml")])
def test_the_schema_takes_the_files_that_ship(capsys: pytest.CaptureFixture[str], kind: str, files: str) -> None:
    assert status(["schema", "--help"]) == 0
    assert files in " ".join(capsys.readouterr().out.split())
    assert status(["schema", kind]) == 0
    schema = json.loads(capsys.readouterr().out)
    shipped = sorted(Path(__file__).parents[2].glob(files))
    assert shipped
    for file in shipped:
        assert list(Draft202012Validator(schema).iter_errors(read_document(file).data)) == [], file.name


def test_the_schema_of_a_family_goes_by_its_folder_too(capsys: pytest.CaptureFixture[str]) -> None:
    texts = set()
    for kind in ("baseline", "baselines", "family"):
        assert status(["schema", kind]) == 0
        texts.add(capsys.readouterr().out)
    assert len(texts) == 1
    assert status(["schema", "prompt"]) == 2
    assert "choose one of experiment, task, baseline" in capsys.readouterr().err


def test_runs_and_compare_read_what_runs_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status(["runs"]) == 0
    names = []
    for report in (fine_tune_report(), prompt_report()):
        names.append(run_id(report))
        folder = tmp_path / ".harness" / "runs" / names[-1]
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(report.model_dump_json())
    capsys.readouterr()
    assert status(["runs", "--json"]) == 0
    assert {row["verdict"] for row in json.loads(capsys.readouterr().out)} == {"FINE_TUNE", "PROMPT"}
    assert status(["compare", *names, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"]["verdict"] == ["FINE_TUNE", "PROMPT"]
    assert status(["report", names[0]]) == 0
    assert status(["compare", names[0], "nobody"]) == 2
    assert "no such run" in capsys.readouterr().err


def test_a_report_is_written_in_three_forms_that_agree(tmp_path: Path) -> None:
    report = fine_tune_report()
    folder = write_report(report, root=tmp_path)
    assert json.loads((folder / "report.json").read_text())["verdict"] == "FINE_TUNE"
    for ending in ("md", "html"):
        assert report.headline[:20] in (folder / f"report.{ending}").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md"]
