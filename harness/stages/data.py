"""Turn a data source into splits: what may select (train, validation) and what certifies (test), apart."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from harness.adapters.tables import source_rows
from harness.canonical import file_digest
from harness.errors import UserError
from harness.jsonl import read_lines, write_lines
from harness.likeness import normalised, write_marks
from harness.records import Example, Split
from harness.specs import DataSpec
from harness.stages import Job
from harness.stages.marks import marks
from harness.stages.rows import Rows
from harness.stages.splitting import split_examples

SHOWN = 100
QUOTED = 20
"""Characters, case, space and punctuation aside, from which on a test item in a prompt is no coincidence."""
MOST_SLICES = 30
"""Values of one column: with more, each slice is too small and each is one more chance to err."""
SliceSize = dict[str, int]
"""`items`, and the `sources` they come from."""
SELECTING: tuple[Split, ...] = ("train", "validation")


def write_selection(job: Job) -> dict[str, Any]:
    """train.jsonl and validation.jsonl; holds no test item, so nothing that selects can see one."""
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


def write_slices(job: Job) -> dict[str, Any]:
    """Nothing but numbers: how large each slice of the test items is; a wrong column is found before the search."""
    spec, rows = _spec_and_rows(job)
    splits, _ = _split(job, spec=spec, rows=rows)
    judged = certified(splits)
    return {"sizes": slice_sizes(judged, columns=job.inputs["slices"])}


def write_testset(job: Job) -> dict[str, Any]:
    """test.jsonl; leaked.jsonl, the items that training or selection has seen; exact copies between any two splits."""
    spec, rows = _spec_and_rows(job)
    test = _split(job, spec=spec, rows=rows)[0]["test"]
    write_lines(job.out / "test.jsonl", test)
    write_marks(job.out, marks([(item.id, item.input) for item in test], rows=rows, template=spec.input))
    selection: dict[str, list[Example]] = {
        name: read_lines(job.needs["data"] / f"{name}.jsonl", model=Example) for name in SELECTING
    }
    leaked = leaked_items(test, seen=selection, prompts=job.inputs.get("prompts", []))
    if len(leaked) == len(test):
        what = f"all {len(test)} test items are copies of training or validation rows, or stand in a prompt"
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
    test: list[Example], *, seen: Mapping[Any, list[Example]], prompts: Sequence[str] = ()
) -> list[dict[str, str]]:
    """Test items whose input, but for case, space and punctuation, is that of an item of `seen` or stands in a prompt.

    Few-shot examples are training rows, so this finds test items among the shots as well; those that a person wrote
    into a prompt are found there, unless they are so short that any text may hold them.
    """
    places = {normalised(item.input): f"{name}/{item.id}" for name, items in seen.items() for item in items}
    written = {f"the prompt “{' '.join(text.split())[:40]}…”": normalised(text) for text in prompts}
    twins = ((item, _twin(normalised(item.input), places=places, written=written)) for item in test)
    return [{"id": item.id, "twin": twin} for item, twin in twins if twin]


def _twin(text: str, *, places: Mapping[str, str], written: Mapping[str, str]) -> str | None:
    quoted = (name for name, prompt in written.items() if len(text) >= QUOTED and text in prompt)
    return places.get(text) or next(quoted, None)


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
