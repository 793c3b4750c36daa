"""Turn a request that may fail into an answer: at a pace that the server allows, tried again with growing pauses."""

import math
import time
from collections.abc import Callable, Mapping
from email.utils import mktime_tz, parsedate_tz
from textwrap import shorten
from threading import Event, Lock
from typing import Any, TypeVar

from harness.adapters.generator import Tell

Answer = TypeVar("Answer")

FIRST_PAUSE = 1.0
"""Seconds before the second try, doubled before each one after it; up to so much more by chance."""
LONGEST_PAUSE = 60.0
SELDOM = 10.0
"""Seconds between two words about faults that pass."""
SHOWN = 100
"""Characters of a fault that are told while it may pass."""


class Hiccup(Exception):
    """A request that failed and may do better later."""

    def __init__(self, what: str, *, after: float | None = None, unreachable: bool = False) -> None:
        super().__init__(what)
        self.unreachable = unreachable
        """Whether not even a connection was made."""
        self.tries = 1
        """How many it was, once the last of them is made."""
        self.after = after
        """Seconds that the server asks to wait."""


class Stopped(Exception):
    """A request that was not made, or not made again, because another had failed for good."""


def pause(seconds: float, *, stop: Event) -> None:
    """Wait, but not beyond a stop."""
    stop.wait(seconds)


class Pace:
    """Lets the requests of all threads start evenly, and holds all of them where the server says so."""

    def __init__(self, per_minute: float | None, *, stop: Event, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._stop, self._clock, self._lock, self._next = stop, clock, Lock(), 0.0

    def wait(self) -> None:
        """Until it is the caller's turn."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next)
            self._next = start + self._gap
        if start > now:
            pause(start - now, stop=self._stop)

    def hold(self, seconds: float) -> None:
        """Let no request start that soon."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)


class Herald:
    """Tells why the requests of all threads wait: each further try of an outage once, passing faults seldom."""

    def __init__(self, tell: Tell, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock, self._lock = tell, clock, Lock()
        self._tries, self._since = 0, 0.0

    def told(self, fault: Hiccup, *, tries: int, most: int, seconds: float) -> None:
        """So many tries failed, and the next one is so far away."""
        with self._lock:
            now = self._clock()
            if tries <= self._tries and now - self._since < SELDOM:
                return
            self._tries, self._since = tries, now
        why = shorten(str(fault), SHOWN, placeholder="…")
        self._tell(f"no answer ({why}); try {tries + 1} of {most} in {seconds:.0f} s")


def persistent(
    ask: Callable[[], Answer], *, worth: Callable[[Hiccup], int], pace: Pace, stop: Event, herald: Herald
) -> Answer:
    """The answer of the first try that has one; raises the last try's `Hiccup`, or `Stopped` once `stop` is set.

    `worth` says how many tries a fault is worth in all.
    """
    from tenacity import Retrying, retry_if_exception_type
    from tenacity.wait import wait_exponential_jitter

    growing = wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE, jitter=FIRST_PAUSE)

    def seconds(state: Any) -> float:
        asked = state.outcome.exception().after
        if asked is None:
            return float(growing(state))
        # Too many requests are of all threads' making: none may go on while this one waits.
        pace.hold(asked)
        return float(asked)

    def turn() -> Answer:
        pace.wait()
        if stop.is_set():
            raise Stopped
        return ask()

    def tell(state: Any) -> None:
        fault, tries = state.outcome.exception(), state.attempt_number
        herald.told(fault, tries=tries, most=worth(fault), seconds=state.next_action.sleep)

    def hopeless(state: Any) -> bool:
        state.outcome.exception().tries = state.attempt_number
        return bool(state.attempt_number >= worth(state.outcome.exception()))

    retrying = Retrying(
        retry=retry_if_exception_type(Hiccup),
        stop=hopeless,
        wait=seconds,
        before_sleep=tell,
        sleep=lambda wanted: pause(wanted, stop=stop),
        reraise=True,
    )
    return retrying(turn)


def seconds_asked(headers: Mapping[str, str]) -> float | None:
    """What `Retry-After` says, in seconds or as a date; None where it says nothing sensible."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value)
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _until(date: str) -> float:
    parsed = parsedate_tz(date)
    try:
        return mktime_tz(parsed) - time.time() if parsed else math.nan
    except (ValueError, OverflowError):
        return math.nan
