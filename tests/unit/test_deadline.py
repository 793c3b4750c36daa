"""Work that never ends is ended, also where its first alarm is swallowed."""

import signal
import time

import pytest

from harness.deadline import AGAIN, deadline


def test_an_alarm_that_was_swallowed_rings_again() -> None:
    begun = time.monotonic()
    with pytest.raises(TimeoutError), deadline(0.05):
        _deaf_once()
    assert time.monotonic() - begun < 0.05 + AGAIN + 1


def _deaf_once() -> None:
    with pytest.raises(TimeoutError):
        time.sleep(5)
    time.sleep(5)


def test_nothing_rings_after_the_work() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with deadline(0.05):
        pass
    time.sleep(0.1)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before
