"""What several test modules start from."""

from pathlib import Path

import pytest
from workspace import make_workspace


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny valid workspace, and the folder a person stands in."""
    make_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
