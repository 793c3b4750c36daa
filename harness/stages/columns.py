"""Turn rows into what their inputs are made of: the bare values that a template puts words around."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.adapters.tables import source_rows
from harness.errors import UserError
from harness.prompts import placeholders
from harness.records import Example
from harness.specs import DataSpec
from harness.stages.rows import Row, Rows, identified

SOURCE = "source_of_mixed"
"""In the `local` of a step on another task's examples: the spec of that task's data, and where they lie."""


def input_values(row: Row, columns: Iterable[str]) -> list[str]:
    """The values of these columns as texts; absent and blank ones are left out."""
    values = (str(row[column]) for column in columns if row.get(column) is not None)
    return [value for value in values if value.strip()]


def values_by_id(rows: Rows, *, template: str) -> dict[str, list[str]]:
    """Id of each row to the values that `template` makes its input of."""
    columns = list(dict.fromkeys(placeholders(template)))
    return {name: input_values(row, columns) for pool in identified(rows).values() for name, row in pool}


def mixed_values(source: Mapping[str, Any] | None, *, examples: Sequence[Example]) -> dict[str, list[str]]:
    """Id of each example of another task to the values of its row, as they lie in that task's source."""
    if source is None:
        return {}
    spec = DataSpec.model_validate(source["data"])
    found = values_by_id(source_rows(spec, path=source["path"]), template=spec.input)
    if any(example.id not in found for example in examples):
        what = "the data of a task that is mixed in changed while the run went on"
        raise UserError(what, where="search.mix.tasks", fix="run the same command again")
    return found
