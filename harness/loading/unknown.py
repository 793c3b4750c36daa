"""Turn a key that no section knows into what was probably meant."""

import re
from collections.abc import Sequence
from typing import Any

from harness.loading.asked import Asked
from harness.loading.fitting import fitted
from harness.loading.metric_names import is_metric
from harness.loading.words import LONGEST, KeyPath, clipped, flow, listed, nearest
from harness.specs import ExperimentSpec, MetricGate

_GATES = {
    "improvement": "margin",
    "gain": "margin",
    "rougeL": "rouge",
    "benchmarks": "forgetting",
    "price": "cost",
    "time": "latency",
}
"""What people call a gate, and what it is called here."""
_OF_API = {
    **dict.fromkeys(("api_key", "key", "token", "apikey"), "key_env"),
    **dict.fromkeys(("base_url", "api_base", "endpoint", "address", "host"), "url"),
    **dict.fromkeys(("price", "price_in", "cost", "usd_in"), "usd_per_million_in"),
    **dict.fromkeys(("price_out", "usd_out"), "usd_per_million_out"),
    **dict.fromkeys(("rpm", "rate_limit"), "requests_per_minute"),
    **dict.fromkeys(("timeout",), "timeout_seconds"),
}
"""What other programs call a setting of an API, and what it is called here."""
_API_FIXES = {"key_env": "write key_env: OPENAI_API_KEY, the environment variable that holds the key"}
"""The key itself belongs in no file, so another name for it is not all that has to change."""


_OF_EXPERIMENT = {
    "name": "remove it; the file's name is the experiment's",
    "description": "put # before it; an experiment has no text of its own",
}
"""What the other files begin with."""


def meant_key(name: str, keys: Sequence[str]) -> str | None:
    """The known key that an unknown one was probably meant to be."""
    other = _OF_API.get(name.casefold())
    return other if other in keys else nearest(name, keys)


def renamed(path: KeyPath, value: Any, *, asked: Asked) -> str | None:
    """The fix for a key that has another name here; None where it is not among those that people confuse."""
    name, keys, of_api = str(path[-1]), asked.keys, _OF_API.get(str(path[-1]).casefold())
    if path[:-1] == ("gates",) and name in _GATES:
        return f"the {name} gate is gates.{_GATES[name]}"
    if path[:-1] == ("gates",) and is_metric(name):
        return f"under metrics, write {flow({name: fitted(value, Asked(MetricGate))})[1:-1]}"
    if asked.section is ExperimentSpec and name in _OF_EXPERIMENT:
        return _OF_EXPERIMENT[name]
    if of_api and "api" in keys:
        return f"it belongs under api; {_API_FIXES.get(of_api, f'write {of_api} there')}"
    if of_api in keys:
        assert of_api is not None
        number = fitted(value, asked.inside(of_api))
        written = f"write {of_api}: {flow(number)}" if isinstance(number, (int, float)) and number != value else None
        return _API_FIXES.get(of_api) or written or f"did you mean {of_api}?"
    return None


def written_instead(path: KeyPath, value: Any) -> str | None:
    """The fix for a wrong value that belongs under another key or in another file; None where it does not."""
    if path[-1:] == ("prompt",) and isinstance(value, str) and re.search(r"\s|[{]", value):
        text = value if "{input}" in value else f"{value}\n\n{{input}}"
        written = flow(text) if len(text) <= LONGEST else "with that text, and {input} where the item belongs"
        return f"a prompt's own text is the pattern: write pattern: {written}"
    if path[:-1] == ("baselines",) and isinstance(value, dict):
        names = [value[key] for key in ("family", "name") if isinstance(value.get(key), str)] or list(value)
        name = clipped(names[0]) if names else "NAME"
        return f"a family has a file of its own: put it into baselines/{name}.yaml, and write {flow(name)} here"
    return None


def known_instead(path: KeyPath, *, keys: Sequence[str]) -> str:
    """The fix for a key that no section knows; `keys` are those of the section it stands in."""
    if guess := meant_key(str(path[-1]), keys):
        return f"did you mean {guess}?"
    metrics = "; a metric's gate stands under metrics" if path[:-1] == ("gates",) else ""
    return f"remove it, or use one of the known keys: {listed(keys)}{metrics}"
