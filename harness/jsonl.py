"""Turn records into JSON lines and back."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


def write_lines(path: Path, rows: Iterable[BaseModel | dict[str, Any]]) -> None:
    """One JSON object a line, UTF-8."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for row in rows:
            value = row.model_dump(mode="json") if isinstance(row, BaseModel) else row
            stream.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def read_lines(path: Path, *, model: type[Model]) -> list[Model]:
    """Every line as a record."""
    with path.open(encoding="utf-8") as stream:
        return [model.model_validate_json(line) for line in stream]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Every line as a plain dict."""
    with path.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]
