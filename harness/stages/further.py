"""Turn a source of further data into the rows that may be trained on: none repeats what certifies or selects."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.adapters.tables import every_row, source_rows
from harness.canonical import digest, file_digest
from harness.errors import UserError
from harness.jsonl import read_lines, write_lines
from harness.prompts import filled, placeholders
from harness.records import Example, Lesson
from harness.specs import DataSpec
from harness.stages import Job
from harness.stages.columns import SOURCE, mixed_values
from harness.stages.data import LESSONS
from harness.stages.heldout import HELD, Fields, Held, benchmark_texts, example_fields, item_texts, repeated
from harness.stages.met import Benchmarks, documents_of
from harness.stages.rows import Row, Rows
from harness.stages.splitting import split_examples

MIXED = "mixed"
"""Role of the data of another task."""
MOST = 0.5
"""A source of which more than this repeats what is held out is that source, and no data to train on."""


class Found(NamedTuple):
    """What a source holds."""

    lessons: list[Lesson]
    fields: list[Fields]
    """What each lesson says, as it is compared with held-out texts."""
    unusable: int
    """Rows that lack a text, or whose two answers are one."""


class Kept(NamedTuple):
    """What of it is trained on."""

    lessons: list[Lesson]
    repeats: dict[str, int]
    """Rows left out, by what they repeat: `test`, `validation`, or a benchmark's name."""


def write_lessons(job: Job) -> dict[str, Any]:
    """lessons.jsonl; summary: rows, those left out and why, characters, and the file's hash."""
    kind = job.inputs["further"]
    if MIXED in job.needs:
        examples = read_lines(job.needs[MIXED] / "train.jsonl", model=Example)
        values = mixed_values(job.local.get(SOURCE), examples=examples)
        found = task_lessons(examples, values=values, **job.inputs["rows"])
    else:
        found = lessons_of(kind, job.inputs["rows"], path=job.local["further"])
    held = held_out(job.inputs, path=job.local["path"], benchmarks=job.local["benchmarks"])
    kept = without_repeats(found, held=held, where=f"search.{kind}")
    write_lines(job.out / LESSONS, kept.lessons)
    return {
        "rows": len(found.lessons) + found.unusable,
        "kept": len(kept.lessons),
        "unusable": found.unusable,
        "repeats": kept.repeats,
        "characters": round(mean_characters(kept.lessons), 1),
        "sha256": file_digest(job.out / LESSONS),
    }


def held_out(inputs: Mapping[str, Any], *, path: str | None, benchmarks: Benchmarks) -> dict[str, Held]:
    """The texts of validation, test and the gated benchmarks. They take rows away from training and choose nothing."""
    spec = DataSpec.model_validate(inputs["data"])
    rows: Rows = source_rows(spec, path=path)
    splits, _ = split_examples(rows, spec=spec, labels=inputs["labels"])
    held = item_texts(splits, rows=rows, template=spec.input, answers=inputs["kind"] != "label")
    documents = {name: documents_of(name, *files) for name, files in benchmarks.items()}
    return held | {name: benchmark_texts(each.rows, questions=each.questions) for name, each in documents.items()}


def without_repeats(found: Found, *, held: Mapping[str, Held], where: str) -> Kept:
    """The lessons that repeat nothing; `UserError` where too many do, or none is left."""
    places = repeated(found.fields, held=held)
    counts = Counter(places.values())
    if len(places) > MOST * len(found.lessons):
        name, count = counts.most_common(1)[0]
        whose = f"{name} items of the task" if name in HELD else f"items of the gated benchmark {name}"
        what = f"{len(places)} of {len(found.lessons)} rows repeat what is held out, {count} of them {whose}"
        raise UserError(what, where=where, fix="name data that is neither the task's own nor a gate's")
    lessons = [lesson for place, lesson in enumerate(found.lessons) if place not in places]
    if not lessons:
        raise UserError("no row can be used", where=where, fix="fill the columns, or leave this section out")
    return Kept(lessons, {name: counts[name] for name in held if counts[name]})


def lessons_of(kind: str, rows: Mapping[str, Any], *, path: str | None) -> Found:
    """The rows of a source as lessons; `rows` are the fields of its section."""
    spec = DataSpec(source=rows["source"], revision=rows["revision"], config=rows["config"])
    try:
        every = every_row(spec, path=path)[: rows["take"]]
    except UserError as error:
        what = f"{_named(Path(error.where), within=Path(path))}: {error.what}" if path else error.what
        raise UserError(what, where=f"search.{kind}.source", fix=error.fix) from error
    made = [_MADE[kind](row, rows) for row in every]
    whole = [pair for pair in made if pair is not None]
    return Found([lesson for lesson, _ in whole], [fields for _, fields in whole], len(every) - len(whole))


def _named(where: Path, *, within: Path) -> str:
    """A file of the source by its name; anything else, such as a full disk, by its whole path."""
    return where.name if where.is_relative_to(within) else str(where)


def read_lessons(folder: Path) -> list[Lesson]:
    """The lessons of a finished step."""
    return read_lines(folder / LESSONS, model=Lesson)


def task_lessons(examples: Sequence[Example], *, template: str, values: Mapping[str, Sequence[str]]) -> Found:
    """The training examples of another task, asked as that task asks; `values`: id to what its input is made of."""
    lessons = [
        Lesson(id=one.id, prompt=filled(template, {"input": one.input}), answer=one.reference) for one in examples
    ]
    return Found(lessons, [example_fields(one, bare=values.get(one.id, ())) for one in examples], 0)


def _text(row: Row, rows: Mapping[str, Any]) -> tuple[Lesson, Fields] | None:
    text = _said(row, rows["column"], field="search.text.column")
    return (_lesson("", text), Fields((text,))) if text else None


def _replayed(row: Row, rows: Mapping[str, Any]) -> tuple[Lesson, Fields] | None:
    prompt = _filled(row, rows["input"], field="search.replay.input")
    answer = _said(row, rows["reference"], field="search.replay.reference")
    asked = (prompt, *_columns(row, rows["input"]))
    return (_lesson(prompt, answer), Fields(asked, (answer,))) if prompt and answer else None


def _preferred(row: Row, rows: Mapping[str, Any]) -> tuple[Lesson, Fields] | None:
    prompt = _filled(row, rows["prompt"], field="search.preferences.prompt")
    chosen = _said(row, rows["chosen"], field="search.preferences.chosen")
    rejected = _said(row, rows["rejected"], field="search.preferences.rejected")
    if not (prompt and chosen and rejected) or chosen == rejected:
        return None
    asked = (prompt, *_columns(row, rows["prompt"]))
    return _lesson(prompt, chosen, rejected), Fields(asked, (chosen, rejected))


_MADE = {"text": _text, "replay": _replayed, "preferences": _preferred}


def _lesson(prompt: str, answer: str, rejected: str = "") -> Lesson:
    return Lesson(id=digest([prompt, answer, rejected])[:12], prompt=prompt, answer=answer, rejected=rejected)


def _columns(row: Row, template: str) -> Iterator[str]:
    """What a template is filled with: a held-out input may stand there bare."""
    return (_clean(row[column]) for column in placeholders(template))


def _filled(row: Row, template: str, *, field: str) -> str:
    values = {column: _said(row, column, field=field) for column in placeholders(template)}
    return filled(template, values).strip() if all(values.values()) else ""


def _said(row: Row, column: str, *, field: str) -> str:
    """The text of a column; of a conversation its last message. Empty where there is none."""
    if column not in row:
        what = f"the rows have no column {column!r}; they have {', '.join(map(repr, row))}"
        raise UserError(what, where=field, fix="name an existing column")
    return _clean(row[column])


def _clean(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        value = value[-1].get("content")
    return "" if value is None else str(value).encode("utf-8", "replace").decode("utf-8").strip("\n ")


def mean_characters(lessons: Sequence[Lesson]) -> float:
    """Mean length of a lesson, both answers counted."""
    return sum(len(one.prompt) + len(one.answer) + len(one.rejected) for one in lessons) / max(1, len(lessons))
