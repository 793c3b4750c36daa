"""Turn a missing step into the reason that no finished artifact serves."""

from typing import Any

from harness.steps import Step
from harness.store import Artifact, Store

SHOWN = 3


def reason_missing(step: Step, store: Store) -> str:
    """The fields in which the step differs from the most similar finished one of its stage."""
    others = [artifact for artifact in store.every() if artifact.stage == step.stage]
    if not others:
        return "never run"
    gaps = [_gap(step, other) for other in others]
    closest = min(gaps, key=len)
    if not closest:
        return "same inputs, but the stage or one of its libraries has another version"
    more = f" and {len(closest) - SHOWN} more" if len(closest) > SHOWN else ""
    return "; ".join(closest[:SHOWN]) + more


def _gap(step: Step, other: Artifact) -> list[str]:
    mine, theirs = (
        _leaves({"inputs": step.inputs, "needs": step.needs}),
        _leaves({"inputs": other.inputs, "needs": other.needs}),
    )
    return [
        f"{name.removeprefix('inputs.')}: {_short(theirs.get(name))} → {_short(mine.get(name))}"
        for name in {**theirs, **mine}
        if mine.get(name) != theirs.get(name)
    ]


def _leaves(value: Any, *, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for key, inner in value.items():
            found |= _leaves(inner, path=f"{path}.{key}" if path else str(key))
        return found
    return {path: value}


def _short(value: Any) -> str:
    text = "–" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
