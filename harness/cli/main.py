"""The command `harness`: every failure ends here, with the exit status that belongs to it."""

import io
import sys
import traceback
from typing import Any

from harness.cli.stopping import Stopped, heed_signals, ignore_signals

STATUS = {"FINE_TUNE": 0, "PROMPT": 3, "INCONCLUSIVE": 4}
"""Exit status of a verdict; 2 is a user's mistake, 1 a bug, 130 Ctrl-C, 143 SIGTERM."""
INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # A terminal that is not UTF-8 cannot show every name.
    try:
        heed_signals()
        code = status(sys.argv[1:])
    except Stopped as stop:
        _interrupted()
        code = stop.status
    ignore_signals()
    sys.exit(code)


def status(arguments: list[str]) -> int:
    """The exit status of one command line."""
    import typer

    from harness.cli.app import app
    from harness.disk import trouble
    from harness.errors import SpecErrors, UserError
    from harness.report.text import one_line

    # typer carries its own click; its error classes are reached through the one it exports.
    usage_error: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
    try:
        result = app(arguments, standalone_mode=False, prog_name="harness")
        # typer turns Ctrl-C into this status without a word.
        return _interrupted() if result == INTERRUPTED else result if isinstance(result, int) else 0
    except typer.Abort:
        return _interrupted()
    except usage_error as error:
        shown = io.StringIO()
        error.show(file=shown)
        _complain(shown.getvalue())
        return 2
    except UserError as error:
        for each in error.errors if isinstance(error, SpecErrors) else [error]:
            _complain(one_line(str(each)))  # A name in it comes from anywhere, and shall not add a line.
        return 2
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # The reader of our output went away (`harness runs | head`): not a failure.
        sys.stdout = None
        return 0
    except Exception as error:
        if (told := trouble(error)) is not None:
            _complain(one_line(str(told)))
            return 2
        _complain(traceback.format_exc())
        _complain("This is a bug in the harness. Finished steps are kept; the same command goes on from there.")
        return 1


def _interrupted() -> int:
    _complain("Stopped. Finished steps are kept; the same command goes on from there.")
    return INTERRUPTED


def _complain(text: str) -> None:
    """Print on stderr, with nothing that a terminal would obey."""
    from harness.report.text import visible

    print(visible(text.rstrip("\n")), file=sys.stderr)
