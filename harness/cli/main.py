"""The command `harness`: every failure ends here, with the exit status that belongs to it."""

import sys
import traceback
from typing import Any

STATUS = {"FINE_TUNE": 0, "PROMPT": 3, "INCONCLUSIVE": 4}
"""Exit status of a verdict; 2 is a user's mistake, 1 a bug, 130 Ctrl-C."""
INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit."""
    sys.exit(status(sys.argv[1:]))


def status(arguments: list[str]) -> int:
    """The exit status of one command line."""
    import typer

    from harness.cli.app import app
    from harness.errors import UserError

    # typer carries its own click; its error classes are reached through the one it exports.
    usage_error: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
    try:
        result = app(arguments, standalone_mode=False, prog_name="harness")
        # typer turns Ctrl-C into this status without a word.
        return _interrupted() if result == INTERRUPTED else result if isinstance(result, int) else 0
    except typer.Abort:
        return _interrupted()
    except usage_error as error:
        error.show()
        return 2
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # The reader of our output went away (`harness runs | head`): not a failure.
        sys.stdout = None
        return 0
    except Exception:
        traceback.print_exc()
        print(
            "This is a bug in the harness. Finished steps are kept; the same command goes on from there.",
            file=sys.stderr,
        )
        return 1


def _interrupted() -> int:
    print("Stopped. Finished steps are kept; the same command goes on from there.", file=sys.stderr)
    return INTERRUPTED
