"""Turn numbers and values of a report into the words a reader sees; scores are shown in points, times 100."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


def points(score: float | None) -> str:
    """0.4413 as `44.1`; absent as a dash."""
    if score is None or not math.isfinite(score):
        return NOTHING
    return _minus(f"{_rounded(score):.1f}")


def signed(score: float) -> str:
    """0.056 as `+5.6`, with a real minus sign."""
    if not math.isfinite(score):
        return NOTHING
    rounded = _rounded(score)
    return _minus(f"{rounded:+.1f}" if rounded else "0.0")


def interval(low: float | None, high: float | None, *, sign: bool = False) -> str:
    """`[42.0, 46.3]`; empty where an end is absent."""
    if low is None or high is None:
        return ""
    shown = signed if sign else points
    return f"[{shown(low)}, {shown(high)}]"


def p_value(p: float) -> str:
    """As in the sentences of the verdict: `<0.0001`, `0.0312`, `0.44`."""
    return "<0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.1 else f"{p:.2f}"


def count(number: float) -> str:
    """12345 as `12,345`; means of counts lose their fraction from 10 up."""
    return f"{number:,.1f}" if number < 10 and number != int(number) else f"{number:,.0f}"


def duration(seconds: float | None) -> str:
    """75 as `75 s`, 1312 as `22 min`, 9000 as `2.5 h`; absent as a dash."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def dollars(amount: float | None) -> str:
    """12.5 as `12.50`; below a dollar two digits that count, as in `0.0031`; absent as a dash."""
    if amount is None or not math.isfinite(amount):
        return NOTHING
    return f"{amount:,.2f}" if amount >= 1 or amount == 0 else f"{amount:.2g}"


def loss(nats: float) -> str:
    """Three decimals; a loss that is not a number says so."""
    return f"{nats:.3f}" if math.isfinite(nats) else "not finite"


def plain(value: Any) -> str:
    """Any value of a spec or of the provenance on one line."""
    if value is None or value == "" or value == [] or value == {}:
        return NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str:
    """Indented JSON, which is YAML as well; what JSON does not know is shown as its text."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def flattened(values: Mapping[str, Any], *, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as `("versions.torch", "2.9.0")` pairs, in their order."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, prefix=f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", plain(value)


def _rounded(score: float) -> float:
    """To a tenth of a point; never minus zero."""
    return round(100 * score, 1) + 0.0


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
