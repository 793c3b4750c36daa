"""Turn work that may never end into work that ends in time, or in `TimeoutError`."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_Handler = Callable[[int, FrameType | None], object] | int | None


AGAIN = 0.5
"""Seconds until an alarm that was swallowed, as one is in a destructor, rings again."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` in a body that runs longer; only a main thread can be interrupted, others get no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _expired)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        _silence(before)


def _silence(before: _Handler) -> None:
    """Stop the alarm, even if it rings while it is being stopped."""
    try:
        signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _expired(number: int, frame: FrameType | None) -> None:
    raise TimeoutError
