"""Give errors that name a field of the spec their file, line and column."""

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import SpecErrors, UserError
from harness.loading import Resolved

SECTIONS = {"data": "task", "metrics": "task", "baselines": "experiment", "gates": "experiment", "model": "experiment"}
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
        raise UserError(error.what, where=where(*path), fix=error.fix) from error
