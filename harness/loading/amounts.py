"""Turn a number as people write it, in words, with separators or with a unit, into the number that a key asks for."""

import re
from math import isfinite
from typing import Any

_DOLLARS = re.compile(r"(US)?\$|\bUSD\b|\$$", re.IGNORECASE)
"""Around a price, `$0.15` or `0.15 USD`."""
_COMMA = re.compile(r"\s*(\d+),(\d{1,2}|\d{4,})(?!\d)\s*")
"""A decimal comma; with three digits behind it, it may be one of thousands."""
_THOUSANDS = re.compile(r"\s*[1-9]\d{0,2}(?:[ ,_']\d{3})+\s*")
_WITH_UNIT = re.compile(
    r"\s*(\d+(?:\.\d+|,\d{1,2}|,\d{4,})?)\s*(?:requests?|req)?\s*(/|per\b)?\s*([a-z]+)\.?\s*", re.IGNORECASE
)
_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_SECONDS = {
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
}


def amount(value: Any, *, kind: Any, name: str = "") -> Any:
    """8 for "8", 60 for "60/min" under requests_per_minute, as it is where it is no number of this kind.

    `name` is the key's, which says the unit: seconds, minutes, or per minute.
    """
    if kind not in (int, float):
        return value
    number = _in_words(value) if kind is int else None
    number = next((n for n in (number, _in_unit(value, name=name), number_in(value)) if n is not None), None)
    if kind is int:
        return int(number) if number is not None and isfinite(number) and number == int(number) else value
    return value if number is None else number


def number_in(value: Any) -> float | None:
    """The finite number that a value is or spells."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(_COMMA.sub(r"\1.\2", _DOLLARS.sub("", value)) if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _in_words(value: Any) -> float | None:
    """3 for three, 1000 for 1,000: of a count, a comma is no decimal one."""
    text = value.strip().casefold() if isinstance(value, str) else ""
    if text in _WORDS:
        return float(_WORDS.index(text))
    return float(re.sub(r"\D", "", text)) if _THOUSANDS.fullmatch(text) else None


def _in_unit(value: Any, *, name: str) -> float | None:
    """A duration or a rate in the unit that the key's name ends in."""
    unit = _SECONDS.get(name.rpartition("_")[2])
    match = _WITH_UNIT.fullmatch(value) if isinstance(value, str) else None
    if unit is None or match is None or match[3].casefold() not in _SECONDS:
        return None
    number, seconds = float(match[1].replace(",", ".")), _SECONDS[match[3].casefold()]
    is_rate = "_per_" in name
    if is_rate != bool(match[2]):
        return None
    exact = round(number * unit / seconds if is_rate else number * seconds / unit, 9)
    if not isfinite(exact):
        return None
    return int(exact) if exact == int(exact) else exact  # 60, as a person writes it.
