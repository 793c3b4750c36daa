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
    assert "api zero_shot asks m at http://h/v1 key in MY_KEY requests at most about 9, repeats not counted" in text
    assert f"tokens at most about {row['tokens_in']:,} read and 576 written" in text
    assert f"dollars at most about ${row['dollars']:,.2f} time not known" in text


def test_every_fact_has_a_line_of_its_own_and_a_missing_key_comes_first(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with_api(workspace, ", usd_per_million_out: 1")
    assert status(["check", SPEC]) == 0
    lines = capsys.readouterr().out.split("\n")
    begin = next(number for number, line in enumerate(lines) if line.startswith("api "))
    names = [line[11:21].strip() for line in lines[begin + 1 :] if line.startswith(f"{11 * ' '}")]
    assert list(filter(None, names))[:5] == ["key", "requests", "tokens", "dollars", "time"]
    assert lines[begin + 1].startswith("           key       MISSING: the environment variable MY_KEY")
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ("", "no price is given"),
        ("usd_per_million_in: 1000", "tokens written are not counted, as api.usd_per_million_out is not given"),
        ("usd_per_million_out: 1000", "tokens read are not counted, as api.usd_per_million_in is not given"),
        ("usd_per_million_in: 0, usd_per_million_out: 1000", "at most about $0.58 time"),
        ("usd_per_million_in: 0, usd_per_million_out: 1", "dollars less than $0.01 time"),
        ("usd_per_million_in: 0, usd_per_million_out: 0", "dollars $0 time"),
    ],
)
def test_a_sum_says_what_it_leaves_out_and_is_never_rounded_to_nothing(
    workspace: Path, capsys: pytest.CaptureFixture[str], prices: str, said: str
) -> None:
    with_api(workspace, f", {prices}" if prices else "")
    text = told(capsys)
    assert said in text
    assert "$0.00" not in text


def test_an_equal_budget_is_bounded_by_the_cheapest_prompts(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def searched(shots: str, budget: str = "equal") -> tuple[int, int]:
        search = f"search: {{trials: 1, budget: {budget}, space: {{seed: [{seeds}], shots: {shots}}}}}"
        text = f"family: optimised\ndescription: d\napi: {{{ADDRESS}}}\n{search}\n"
        write(workspace, "baselines/optimised.yaml", text)
        found = checked(capsys, "baselines=[optimised]")
        return found["prompts"][0]["searched"], found["apis"][0]["tokens_in"]

    seeds = ", ".join(map(str, range(200)))
    assert searched("[1, 4]", "trials")[0] == 1
    dear, mixed = searched("[4]"), searched("[1, 4]")
    assert mixed[0] > 2 * dear[0] > 2, "the more, the cheaper the cheapest is"
    assert mixed[1] == pytest.approx(dear[1], rel=0.01), "tokens are what the budget bounds"
    swap(workspace, SPEC, "baselines: [trivial, zero_shot, few_shot, engineered]", "baselines: [optimised]")
    assert f"prompts optimised up to about {mixed[0]} by search" in told(capsys)


def test_what_an_optimiser_sends_is_an_estimate_and_says_so(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_api(workspace)
    before = checked(capsys)["apis"][0]
    swap(workspace, "baselines/zero_shot.yaml", "variants:", "dspy: {calls: 60}\nvariants:")
    after = checked(capsys)["apis"][0]
    assert (before["bounded"], after["bounded"]) == (True, False)
    # 60 trials, the requests for instructions between them, and the prompt that is written, on 2 validation items.
    assert 60 + 2 < after["requests"] - before["requests"] < 60 + 2 + 60
    # Each trial may hold an instruction of 300 tokens.
    assert after["tokens_in"] - before["tokens_in"] > 60 * 300
    text = told(capsys)
    assert (
        f"requests about {after['requests']}, repeats not counted, with the items, those of the test set too; how often"
        in text
    )
    assert "at most about" not in text.split(" power ")[0].split(" api ")[1]


def test_a_key_that_would_travel_in_the_clear_is_warned_of(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_api(workspace)
    assert checked(capsys)["apis"][0]["warning"] == ""
    swap(workspace, "baselines/zero_shot.yaml", "http://h/v1", "http://llm.example.com/v1")
    place = "baselines/zero_shot.yaml:3:12"
    said = "api.url begins with http://, so the key in MY_KEY travels unencrypted. Fix: url: https://llm.example.com/v1"
    assert f"warning {place}: {said} requests" in told(capsys)


def test_a_key_that_is_not_set_is_a_remark(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with_api(workspace)
    text = told(capsys)
    assert "no price is given" in text
    assert "the environment variable MY_KEY, which should hold the key, is not set. Fix: export MY_KEY=…" in text
    swap(workspace, "baselines/zero_shot.yaml", "key_env: MY_KEY", "key_env: null")
    assert "key none is sent" in told(capsys)


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
