"""Turn work that may never end into work that ends in time, or in `TimeoutError`."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN = 0.5
"""Seconds until an alarm that was swallowed, as one is in a destructor, rings again."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` in a body that runs longer; only a main thread can be interrupted, others get no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    working = True

    def expired(number: int, frame: FrameType | None) -> None:
        if working:
            raise TimeoutError

    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    # Twice finally: an alarm that rings in the inner one must not leave itself on.
    try:
        try:
            yield
        finally:
            working = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
