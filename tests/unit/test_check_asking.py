"""`check` counts prompts, and tells what a model behind an API is sent and what that costs."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from workspace import swap, write

from harness.cli.main import status
from harness.estimate import kind_of
from harness.steps import Step

SPEC = "experiments/first.yaml"
ADDRESS = "url: http://h/v1, model: m, key_env: MY_KEY"


def checked(capsys: pytest.CaptureFixture[str], *overrides: str) -> dict[str, Any]:
    """What `check --json` says."""
    assert status(["check", SPEC, "--json", *(word for each in overrides for word in ("--set", each))]) == 0
    return dict(json.loads(capsys.readouterr().out))


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """What `check` says to a person, on one line."""
    assert status(["check", SPEC]) == 0
    return " ".join(capsys.readouterr().out.split())


def with_api(root: Path, more: str = "") -> None:
    """Two variants and a search of one prompt ask a model behind an API."""
    space = "{instruction: [plain], shots: [2], choose: [bm25], order: [0], layout: [text]}"
    text = f"api: {{{ADDRESS}{more}}}\nsearch: {{trials: 5, space: {space}}}\nvariants:"
    swap(root, "baselines/zero_shot.yaml", "variants:", text)


def heavy(root: Path) -> None:
    """A model so large that everything takes minutes; the file takes no room."""
    os.truncate(root / "model" / "model.safetensors", 10**11)


def counts(found: dict[str, Any]) -> dict[str, int]:
    return {row["family"]: row["listed"] for row in found["prompts"]}


def test_families_are_listed_with_their_prompts(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    optimised = "baselines: [trivial, zero_shot, few_shot, engineered, optimised]"
    swap(workspace, SPEC, "baselines: [trivial, zero_shot, few_shot, engineered]", optimised)
    assert "prompts trivial 2, zero_shot 2, few_shot 1, engineered 1, optimised up to 2 by search" in told(capsys)


def test_labels_that_only_the_data_knows_are_counted(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    swap(workspace, SPEC, "task: qa", "task: mood")
    swap(workspace, SPEC, "    exact_match: {floor: 0.2}\n  rouge: {floor: 0.1}", "    accuracy: {floor: 0.2}")
    listed = checked(capsys)
    assert counts(listed) == {"trivial": 2, "zero_shot": 4, "few_shot": 2, "engineered": 2}
    swap(workspace, "tasks/mood/task.yaml", 'labels: ["good", "bad"]\n', "")
    read = checked(capsys)
    assert read["data"]["labels"] == ["bad", "good"]
    assert (counts(read), read["seconds"]) == (counts(listed), listed["seconds"])


def test_longer_labels_take_longer(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    swap(workspace, SPEC, "task: qa", "task: mood")
    swap(workspace, SPEC, "    exact_match: {floor: 0.2}\n  rouge: {floor: 0.1}", "    accuracy: {floor: 0.2}")
    swap(workspace, "tasks/mood/task.yaml", 'labels: ["good", "bad"]\n', "")
    heavy(workspace)
    short = checked(capsys)["seconds"]["prompts on validation"]
    rows = (workspace / "tasks/mood/data.jsonl").read_text("utf-8").replace('"good"', f'"{"good " * 99}"')
    write(workspace, "tasks/mood/data.jsonl", rows)
    assert checked(capsys)["seconds"]["prompts on validation"] > short


def test_what_an_api_is_sent_and_costs(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "k")
    with_api(workspace, ", usd_per_million_in: 1000, usd_per_million_out: 2000")
    (row,) = checked(capsys)["apis"]
    # Three prompts on 2 validation items, and the dearest of them, with two shots, on 3 test items.
    assert (row["family"], row["url"], row["model"], row["requests"]) == ("zero_shot", "http://h/v1", "m", 9)
    assert row["tokens_out"] == 9 * 64
    assert 9 * 35 < row["tokens_in"] < 9 * 3 * 80
    assert row["dollars"] == pytest.approx(row["tokens_in"] / 1000 + 2 * row["tokens_out"] / 1000)
    assert row["key"] == {"variable": "MY_KEY", "set": True, "remark": ""}
    text = told(capsys)
    assert "api zero_shot sends the items, test items too, to m at http://h/v1: at most about 9 requests" in text
    assert f"at most about ${row['dollars']:,.2f}; how long it takes is not known; key in MY_KEY" in text


def test_a_key_that_is_not_set_is_a_remark(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with_api(workspace)
    text = told(capsys)
    assert "price not given" in text
    assert "the environment variable MY_KEY, which should hold the key, is not set. Fix: export MY_KEY=…" in text
    swap(workspace, "baselines/zero_shot.yaml", "key_env: MY_KEY", "key_env: null")
    assert "no key is sent" in told(capsys)


def test_a_model_behind_an_api_takes_no_time_of_this_machine(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heavy(workspace)
    before = checked(capsys)["seconds"]["prompts on validation"]
    with_api(workspace)
    found = checked(capsys)
    assert found["seconds"]["prompts on validation"] < before
    assert (found["apis"][0]["seconds"], found["seconds"]["models behind an API"]) == (None, 0)
    assert "on two CPU cores without the models behind an API:" in told(capsys)
    swap(workspace, "baselines/zero_shot.yaml", "key_env", "requests_per_minute: 6, key_env")
    assert checked(capsys)["seconds"]["models behind an API"] == 90
    text = told(capsys)
    assert "about 2 min at its rate limit" in text
    assert "2 min models behind an API" in text
    swap(workspace, "baselines/zero_shot.yaml", "minute: 6", "minute: 6000, parallel: 1")
    assert checked(capsys)["apis"][0]["seconds"] == 9.0, "nothing answers in no time"


@pytest.mark.parametrize(
    ("engine", "kinds"), [("openai", ["api", "api", "api"]), ("vllm", ["prompt", "test", "optimise"])]
)
def test_steps_of_a_model_behind_an_api_have_times_of_their_own(engine: str, kinds: list[str]) -> None:
    steps = [
        Step(stage, {"engine": engine, "split": split})
        for stage, split in [("predict", "validation"), ("predict", "test"), ("optimise", "validation")]
    ]
    assert [kind_of(step) for step in steps] == kinds
