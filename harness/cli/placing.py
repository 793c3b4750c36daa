"""Give errors that name a field of the spec their file, line and column."""

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import SpecErrors, UserError
from harness.loading import Resolved
from harness.loading.words import KeyPath

SECTIONS = {
    "data": "task",
    "corpus": "task",
    "metrics": "task",
    "baselines": "experiment",
    "gates": "experiment",
    "model": "experiment",
    "search": "experiment",
}
"""First word of a field's path, and the file it is written in."""


@contextmanager
def placed(resolved: Resolved) -> Iterator[None]:
    """A user error located at `data.splits` leaves as one located at `experiments/x.yaml:14:9`."""
    try:
        yield
    except SpecErrors:
        raise
    except UserError as error:
        path = error.where.split(".")
        if path[0] not in SECTIONS:
            raise
        where = resolved.task_where if SECTIONS[path[0]] == "task" else resolved.where
        entry = _entry(error, resolved=resolved)
        raise UserError(error.what, where=where(*path, *entry), fix=error.fix) from error


def _entry(error: UserError, *, resolved: Resolved) -> KeyPath:
    """Which entry of a list of gates an error is about: the one that its message names first."""
    gates = resolved.experiment.gates
    lists = {
        "gates.slices": ("column", [repr(gate.column) for gate in gates.slices]),
        "gates.forgetting": ("benchmark", [f"benchmark {gate.benchmark} " for gate in gates.forgetting]),
    }
    field, words = lists.get(error.where, ("", []))
    named = {error.what.find(word): place for place, word in enumerate(words) if word in error.what}
    return (named[min(named)], field) if named else ()
