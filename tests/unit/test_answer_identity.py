"""What decides whether an answer that was kept is the answer to what is asked now."""

from types import SimpleNamespace
from typing import Any

import pytest

from harness import steps
from harness.stages.predict import answer_identity


def identity(engine: str) -> dict[str, Any]:
    job: Any = SimpleNamespace(inputs={"engine": engine, "model": {"name": "m"}, "max_new_tokens": 4}, needs={})
    return answer_identity(job)


@pytest.mark.parametrize(("engine", "kept"), [("openai", True), ("transformers", False)])
def test_another_way_of_reading_here_pays_for_no_answer_again(
    monkeypatch: pytest.MonkeyPatch, engine: str, kept: bool
) -> None:
    before = identity(engine)
    monkeypatch.setitem(steps.VERSIONS, "predict", 99)
    monkeypatch.setattr("harness.stages.predict.library_versions", lambda stage: {"torch": "0"})
    assert (identity(engine) == before) is kept
