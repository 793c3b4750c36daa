"""What several test modules start from."""

from pathlib import Path

import pytest
from odd_server import KEY
from planted_model import write_weights
from workspace import make_workspace, swap, write

from harness.adapters import patience


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny valid workspace, and the folder a person stands in."""
    make_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def workspace(root: Path) -> Path:
    """The same with a model folder that holds no more than `check` needs."""
    write(root, "model/config.json", "{}")
    tensors = {"model.embed_tokens.weight": (10, 4), "model.layers.0.self_attn.q_proj.weight": (4, 4)}
    write_weights(root / "model/model.safetensors", tensors, size=1000)
    (root / "tasks" / "forgetting" / "arithmetic.yaml").write_text("task: arithmetic\n")
    swap(root, "experiments/first.yaml", "model: sample", "model: ./model")
    return root


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited for a server, in seconds; nothing is."""
    waited: list[float] = []
    monkeypatch.setattr(patience, "pause", lambda seconds, *, stop: waited.append(seconds))
    return waited


@pytest.fixture
def planted_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment, which no message may show."""
    monkeypatch.setenv("PLANTED_KEY", KEY)
