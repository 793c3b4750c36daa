"""Turn Ctrl-C and SIGTERM into one clean stop, however often they come."""

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """Somebody asked the run to end; like KeyboardInterrupt, nothing on the way takes it for an error."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number
        """130 after Ctrl-C, 143 after SIGTERM, as a shell has it."""
        super().__init__(number)


def heed_signals() -> None:
    """From here on the first signal raises `Stopped`; further ones do not disturb what then ends the worker."""
    for number in SIGNALS:
        # A shell starts background jobs with SIGINT ignored, and so it stays.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    ignore_signals()
    raise Stopped(number)


def ignore_signals() -> None:
    """What is left to do takes no time."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
