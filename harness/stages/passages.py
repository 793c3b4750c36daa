"""Turn texts into the passages of a corpus that are shown beside them, the most similar first.

Passages are foreign text, just as inputs are, and go the same way: into the user's turn, through the same chat
template and tokenizer. So a special token spelt out in a passage means what it means in an input, and no more;
braces in a passage stay as they are.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.adapters.retrieval import Bm25
from harness.adapters.tables import corpus_rows
from harness.errors import UserError
from harness.loading.textfile import typed_path
from harness.prompts import PromptConfig, filled, placeholders
from harness.stages import Job


def passages_beside(job: Job, *, config: PromptConfig, texts: Iterable[str]) -> dict[str, str]:
    """Text to what `{passages}` becomes beside it; to nothing where the prompt shows no passages."""
    distinct = list(dict.fromkeys(texts))
    if config.passages == 0:
        return dict.fromkeys(distinct, "")
    found, index = _indexed(job.local["corpus"], text=job.inputs["corpus"]["text"], identity=str(job.inputs["corpus"]))
    near = index.nearest(distinct, count=config.passages)
    return {text: numbered([found[place] for place in places]) for text, places in zip(distinct, near, strict=True)}


def numbered(passages: Sequence[str]) -> str:
    """`[1] first`, a blank line, `[2] second`, and so on."""
    return "\n\n".join(f"[{number}] {passage}" for number, passage in enumerate(passages, start=1))


def corpus_passages(path: str | Path, *, text: str) -> list[str]:
    """One passage a row, in the order of the files; rows that lack a column's value, or any text, are left out."""
    columns = placeholders(text)
    made = [_passage(row, columns=columns, text=text) for row in _rows(Path(path))]
    found = [passage for passage in made if passage]
    if not found:
        fix = "fill it, or leave the variants with `passages` out"
        raise UserError("the corpus holds no passage", where="corpus.source", fix=fix)
    return found


def _rows(path: Path) -> list[dict[str, Any]]:
    """Every row; a file that cannot be read is told at the corpus that names it."""
    try:
        return corpus_rows(path)
    except UserError as error:
        what = f"{typed_path(Path(error.where))}: {error.what}"
        raise UserError(what, where="corpus.source", fix=error.fix) from error


def _passage(row: dict[str, Any], *, columns: Sequence[str], text: str) -> str:
    for column in columns:
        if column not in row:
            what = f"the corpus has no column {column!r}; it has {', '.join(map(repr, row))}"
            raise UserError(what, where="corpus.text", fix="name an existing column")
    if any(row[column] is None for column in columns):
        return ""
    return filled(text, row).encode("utf-8", "replace").decode("utf-8").strip()


@lru_cache(maxsize=1)
def _indexed(path: str, *, text: str, identity: str) -> tuple[list[str], Bm25]:
    """The corpus and its index, made once a process; `identity` tells apart what lay at the same path."""
    found = corpus_passages(path, text=text)
    return found, Bm25(found)
