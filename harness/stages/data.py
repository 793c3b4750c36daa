"""Turn a data source into splits: what may select (train, validation) and what certifies (test), apart."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.adapters.tables import source_rows
from harness.canonical import file_digest
from harness.errors import UserError
from harness.jsonl import read_lines, write_lines
from harness.likeness import normalised, write_marks
from harness.records import Example, Lesson, Split
from harness.specs import DataSpec
from harness.stages import Job
from harness.stages.marks import marks
from harness.stages.passages import corpus_passages
from harness.stages.quoting import quoted
from harness.stages.rows import Rows
from harness.stages.splitting import split_examples

SHOWN = 100
LESSONS = "lessons.jsonl"
"""File of a step that reads further data."""
MOST_SLICES = 30
"""Values of one column: with more, each slice is too small and each is one more chance to err."""
SliceSize = dict[str, int]
"""`items`, and the `sources` they come from."""
SEEN = "seen:"
"""Before a family's name: the role of the data that its earlier version was trained and selected on."""
LEARNT = "learnt:"
"""Before the role of further data that the tuned model was trained on."""
SELECTING: tuple[Split, ...] = ("train", "validation")


def write_selection(job: Job) -> dict[str, Any]:
    """train.jsonl and validation.jsonl; holds no test item, so nothing that selects can see one."""
    with told_of(job.local.get("task")):
        spec, rows = _spec_and_rows(job)
        splits, dropped = _split(job, spec=spec, rows=rows)
    for name in SELECTING:
        write_lines(job.out / f"{name}.jsonl", splits[name])
    labels = sorted({example.reference for example in splits["train"]})
    judged = certified(splits)
    return {
        "sizes": {name: len(splits[name]) for name in SELECTING},
        "hashes": {name: file_digest(job.out / f"{name}.jsonl") for name in SELECTING},
        "labels": labels if job.inputs.get("kind") == "label" else [],
        "characters": _mean_characters(splits["train"]),
        "dropped": dropped,
        # Two numbers, for the power of the gates; of the test items themselves nothing is kept here.
        "judged": {"items": len(judged), "groups": len({example.group for example in judged})},
    }


@contextmanager
def told_of(task: str | None) -> Iterator[None]:
    """A mistake in the data of another task than the experiment's is told of that task's file."""
    try:
        yield
    except UserError as error:
        if task is None:
            raise
        raise UserError(error.what, where=f"tasks/{task}/task.yaml: {error.where}", fix=error.fix) from error


def write_slices(job: Job) -> dict[str, Any]:
    """Nothing but numbers: how large each slice of the test items is; a wrong column is found before the search."""
    spec, rows = _spec_and_rows(job)
    splits, _ = _split(job, spec=spec, rows=rows)
    judged = certified(splits)
    return {"sizes": slice_sizes(judged, columns=job.inputs["slices"])}


def write_testset(job: Job) -> dict[str, Any]:
    """test.jsonl; leaked.jsonl, the items that a champion has seen; exact copies between any two splits.

    A champion has seen what trained or selected it, further data of the search too, what stands in its prompt or in the
    corpus it retrieves from, and, where it is an earlier version, what that was trained and selected on.
    """
    spec, rows = _spec_and_rows(job)
    test = _split(job, spec=spec, rows=rows)[0]["test"]
    write_lines(job.out / "test.jsonl", test)
    write_marks(job.out, marks([(item.id, item.input) for item in test], rows=rows, template=spec.input))
    selection = _selection(job.needs["data"])
    corpus = job.inputs.get("corpus")
    leaked = leaked_items(
        test,
        seen=selection,
        prompts=job.inputs.get("prompts", []),
        passages=corpus_passages(job.local["corpus"], text=corpus["text"]) if corpus else (),
        earlier=_earlier(job),
        learnt=[row for role, folder in job.needs.items() if role.startswith(LEARNT) for row in _lessons(folder)],
    )
    if len(leaked) == len(test):
        what = f"all {len(test)} test items are copies of training or validation rows, or stand in a prompt or passage"
        raise UserError(what, where="data.source", fix="give test items that are in no other split")
    write_lines(job.out / "leaked.jsonl", leaked)
    duplicates = exact_duplicates({**selection, "test": test})
    return {
        "sizes": {"test": len(test)},
        "hashes": {"test": file_digest(job.out / "test.jsonl")},
        "leaked": leaked[:SHOWN],
        "leaked_total": len(leaked),
        "duplicates": duplicates[:SHOWN],
        "duplicates_total": len(duplicates),
    }


def leaked_items(
    test: list[Example],
    *,
    seen: Mapping[Any, list[Example]],
    prompts: Sequence[str] = (),
    passages: Sequence[str] = (),
    earlier: Mapping[str, list[Example]] | None = None,
    learnt: Sequence[Lesson] = (),
) -> list[dict[str, str]]:
    """Test items whose input, but for case, space and punctuation, is that of an item of `seen` or stands in a text.

    Few-shot examples are training rows, so this finds test items among the shots as well; those that a person wrote
    into a prompt, or that a passage quotes, are found there, unless they are so short that any text may hold them.
    `learnt` are rows of further data; one that asks the item's input alone is a copy however short that is. `earlier`
    holds what earlier versions have seen. Rows of either are known by their ids too, as the template may be another.
    """
    places = {normalised(item.input): f"{name}/{item.id}" for name, items in (earlier or {}).items() for item in items}
    ids = {item.id: f"{name}/{item.id}" for name, items in (earlier or {}).items() for item in items}
    places |= {normalised(item.input): f"{name}/{item.id}" for name, items in seen.items() for item in items}
    bare = {item.id: normalised(item.input) for item in test}
    quotes = _quotes(bare.values(), among={"prompt": prompts, "passage": passages, "row": list(map(_said, learnt))})
    rows = {key: _shown("row", _said(row)) for row in learnt for key in (row.id, normalised(row.prompt or row.answer))}
    twins = (
        (name, places.get(text) or ids.get(name) or quotes.get(text) or rows.get(text) or rows.get(name))
        for name, text in bare.items()
    )
    return [{"id": name, "twin": twin} for name, twin in twins if twin]


def _quotes(texts: Iterable[str], *, among: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Normalised text to the first prompt, passage or row that holds it, in words."""
    found: dict[str, str] = {}
    for kind, those in among.items():
        held = quoted([text for text in texts if text not in found], passages=map(normalised, those))
        found |= {text: _shown(kind, those[place]) for text, place in held.items()}
    return found


def _shown(kind: str, text: str) -> str:
    return f"the {kind} “{' '.join(text.split())[:40]}…”"


def _lessons(folder: Path) -> list[Lesson]:
    return read_lines(folder / LESSONS, model=Lesson)


def _said(row: Lesson) -> str:
    """What a row of further data says, whole."""
    return "\n".join(filter(None, (row.prompt, row.answer, row.rejected)))


def _selection(folder: Path) -> dict[str, list[Example]]:
    return {name: read_lines(folder / f"{name}.jsonl", model=Example) for name in SELECTING}


def _earlier(job: Job) -> dict[str, list[Example]]:
    """What each earlier version was trained and selected on, where the store knows it."""
    families = {role.removeprefix(SEEN): folder for role, folder in job.needs.items() if role.startswith(SEEN)}
    return {
        f"{split} of {family}": items
        for family, folder in families.items()
        for split, items in _selection(folder).items()
    }


def certified(splits: Mapping[Split, list[Example]]) -> list[Example]:
    """The test items that are judged: those that training and selection have not seen."""
    leaked = {pair["id"] for pair in leaked_items(splits["test"], seen={name: splits[name] for name in SELECTING})}
    return [item for item in splits["test"] if item.id not in leaked]


def slice_sizes(test: Sequence[Example], *, columns: Sequence[str]) -> dict[str, dict[str, SliceSize]]:
    """Column to value to size; a column of too many values is the user's mistake."""
    found: dict[str, dict[str, SliceSize]] = {}
    for column in columns:
        groups: dict[str, list[str]] = defaultdict(list)
        for item in test:
            if column in item.slices:
                groups[item.slices[column]].append(item.group)
        if len(groups) > MOST_SLICES:
            what = f"column {column!r} has {len(groups)} different values among the test items; needs at most"
            fix = "name a column of few values, such as a topic or a length class"
            raise UserError(f"{what} {MOST_SLICES}", where="gates.slices", fix=fix)
        found[column] = {value: {"items": len(of), "sources": len(set(of))} for value, of in sorted(groups.items())}
    return found


def exact_duplicates(splits: dict[str, list[Example]]) -> list[dict[str, str]]:
    """Pairs of items in different splits with the same input, each later item named once."""
    seen: dict[str, list[tuple[str, str]]] = defaultdict(list)
    pairs = []
    for name, examples in splits.items():
        for example in examples:
            earlier = next((place for place in seen[example.input] if place[0] != name), None)
            if earlier:
                pairs.append({"first": "/".join(earlier), "second": f"{name}/{example.id}"})
            seen[example.input].append((name, example.id))
    return pairs


def _spec_and_rows(job: Job) -> tuple[DataSpec, Rows]:
    spec = DataSpec.model_validate(job.inputs["data"])
    return spec, source_rows(spec, path=job.local.get("path"))


def _split(job: Job, *, spec: DataSpec, rows: Rows) -> tuple[dict[Split, list[Example]], int]:
    return split_examples(rows, spec=spec, labels=job.inputs.get("labels"), slices=job.inputs.get("slices", []))


def _mean_characters(examples: list[Example]) -> dict[str, float]:
    count = max(1, len(examples))
    return {
        "input": round(sum(len(example.input) for example in examples) / count, 1),
        "reference": round(sum(len(example.reference) for example in examples) / count, 1),
    }
