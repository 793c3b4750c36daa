"""The whole way on the real sample model and real data, in small: killed, run again, and judged under other gates."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from small_run import SLOW_ON_SAMPLE, report, run, small_workspace, start, timeless

pytestmark = SLOW_ON_SAMPLE


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return small_workspace(tmp_path)


def test_a_run_that_was_killed_ends_like_one_that_was_not(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rough = tmp_path_factory.mktemp("rough") / "w"
    shutil.copytree(workspace, rough)
    began = time.monotonic()
    code, out, err = run(workspace, "run", "experiments/small.yaml")
    whole = time.monotonic() - began
    assert code in (0, 3, 4), err
    assert any(word in out for word in ("FINE_TUNE", "PROMPT", "INCONCLUSIVE"))
    chance = random.Random(0)
    for _ in range(2):
        process = start(rough, "run", "experiments/small.yaml")
        try:
            process.communicate(timeout=whole * chance.uniform(0.2, 0.5))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert run(rough, "run", "experiments/small.yaml")[0] == code
    assert timeless(report(rough)) == timeless(report(workspace))
    _check_report(workspace)
    _check_second_run(workspace, code)
    _check_another_use(workspace)


def _check_report(workspace: Path) -> None:
    found = report(workspace)
    assert {row["name"] for row in found["conditions"]} == {
        "beats:trivial",
        "beats:zero_shot",
        "beats:few_shot",
        "floor",
        "format",
        "keeps:piqa",
    }
    assert [row["name"] for row in found["timing"]["gates"]] == ["latency"]
    assert [row["form"] for row in found["ships"]] == ["merged"]
    tuned = [arm for arm in found["leaderboard"] if arm["kind"] == "tuned"]
    assert len(tuned) == 2
    assert all(0 < arm["validation"]["rougeL"] <= 1 for arm in tuned)
    assert "points of ROUGE-L against the best prompt" in found["headline"]
    assert len(found["examples"]) == 3
    assert found["effort"][1]["tokens_trained"] > 0
    assert found["data"]["sizes"] == {"train": 12, "validation": 4, "test": 6}
    assert str(workspace) not in json.dumps(timeless(found))


def _check_second_run(workspace: Path, code: int) -> None:
    """Nothing is computed: no artifact changes, and no worker starts."""
    log = workspace / ".harness" / "logs" / "worker.log"
    log.unlink()
    before = sorted(path.name for path in (workspace / ".harness" / "store").iterdir())
    assert run(workspace, "run", "experiments/small.yaml")[0] == code
    assert sorted(path.name for path in (workspace / ".harness" / "store").iterdir()) == before
    assert not log.exists()
    assert run(workspace, "report", "experiments/small.yaml")[0] == code


def _check_another_use(workspace: Path) -> None:
    """Other gates on the same test items are a second use, and the ledger knows both."""
    code, _, err = run(workspace, "run", "experiments/small.yaml", "--set", "gates.margin=0.02")
    assert code in (3, 4), err
    found = report(workspace)
    assert found["reasons"][0] == "test_set_spent"
    assert any("6 of the 6 test items were used before, by small" in text for text in found["warnings"])
    code, out, _ = run(workspace, "ledger")
    assert code == 0
    assert "chain of 2 lines is intact" in " ".join(out.split())
