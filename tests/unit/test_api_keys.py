"""A key that is missing is told before anything starts, and not needed where everything is finished."""

from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld, fake_setup
from workspace import swap

from harness.cli import running
from harness.cli.main import status
from harness.loading import load_experiment
from harness.store import Store

SPEC = "experiments/first.yaml"
UNSET = "the environment variable MY_KEY, which should hold the key, is not set. Fix: export MY_KEY=…, or key_env: null"


@pytest.fixture
def world(root: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """Two families by API with one key and one with another; nothing is computed."""
    for family, key in [("zero_shot", "MY_KEY"), ("few_shot", "MY_KEY"), ("engineered", "OTHER_KEY")]:
        api = f"api: {{url: http://h/v1, model: m, key_env: {key}}}"
        swap(root, f"baselines/{family}.yaml", "variants:", f"{api}\nvariants:")
    world = FakeWorld(lambda step, world: 0.5)
    monkeypatch.setattr(running, "prepared", lambda resolved, say: fake_setup(resolved))
    monkeypatch.setattr(running, "model_bytes", lambda path: 1)
    monkeypatch.setattr(Store, "find", lambda store, key: world.find(key))
    monkeypatch.delenv("MY_KEY", raising=False)
    monkeypatch.setenv("OTHER_KEY", "k")
    return world


def unreachable(*rest: Any, **more: Any) -> None:
    raise AssertionError("nothing may start")


@pytest.mark.parametrize("command", ["run", "baselines", "search"])
def test_a_missing_key_is_told_before_anything_starts(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr(running, "run_to_goal", unreachable)
    assert status([command, SPEC]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"baselines/zero_shot.yaml:3:44: {UNSET}")
    monkeypatch.setenv("OTHER_KEY", "")
    assert status([command, SPEC]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["baselines/zero_shot.yaml", "baselines/engineered.yaml"]


def test_what_is_finished_needs_no_key(world: FakeWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.reach(fake_setup(load_experiment(Path(SPEC))), goal="baselines")
    assert status(["baselines", SPEC]) == 0
    assert "zero_shot/plain" in capsys.readouterr().out
    assert status(["search", SPEC]) == 2
    assert UNSET in capsys.readouterr().err
