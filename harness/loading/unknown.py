"""Turn a key that no section knows into what was probably meant."""

from collections.abc import Sequence
from typing import Any

from harness.loading.asked import Asked
from harness.loading.fitting import fitted
from harness.loading.tasks import is_metric
from harness.loading.words import KeyPath, flow, listed, nearest
from harness.specs import MetricGate

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


def meant_key(name: str, keys: Sequence[str]) -> str | None:
    """The known key that an unknown one was probably meant to be."""
    other = _OF_API.get(name.casefold())
    return other if other in keys else nearest(name, keys)


def known_instead(path: KeyPath, value: Any, *, keys: Sequence[str]) -> str:
    """The fix for an unknown key with its value; `keys` are those that the section knows."""
    name, in_gates = str(path[-1]), path[:-1] == ("gates",)
    if in_gates and name in _GATES:
        return f"the {name} gate is gates.{_GATES[name]}"
    if in_gates and is_metric(name):
        return f"under metrics, write {flow({name: fitted(value, Asked(MetricGate))})[1:-1]}"
    guess, of_api = meant_key(name, keys), _OF_API.get(name.casefold())
    if of_api and "api" in keys:
        return f"it belongs under api; {_API_FIXES.get(of_api, f'write {of_api} there')}"
    if of_api and of_api == guess:
        return _API_FIXES.get(guess, f"did you mean {guess}?")
    if guess:
        return f"did you mean {guess}?"
    metrics = "; a metric's gate stands under metrics" if in_gates else ""
    return f"remove it, or use one of the known keys: {listed(keys)}{metrics}"
