"""Turn a data source into splits: what may select (train, validation) and what certifies (test), apart."""

from collections import defaultdict
from typing import Any

from harness.adapters.tables import source_rows
from harness.canonical import file_digest
from harness.jsonl import read_lines, write_lines
from harness.records import Example, Split
from harness.specs import DataSpec
from harness.stages import Job
from harness.stages.splitting import split_examples

SHOWN = 100
SELECTING: tuple[Split, ...] = ("train", "validation")


def write_selection(job: Job) -> dict[str, Any]:
    """train.jsonl and validation.jsonl; holds no test item, so nothing that selects can see one."""
    splits, dropped = _splits(job)
    for name in SELECTING:
        write_lines(job.out / f"{name}.jsonl", splits[name])
    labels = sorted({example.reference for example in splits["train"]})
    return {
        "sizes": {name: len(splits[name]) for name in SELECTING},
        "hashes": {name: file_digest(job.out / f"{name}.jsonl") for name in SELECTING},
        "labels": labels if job.inputs.get("kind") == "label" else [],
        "characters": _mean_characters(splits["train"]),
        "dropped": dropped,
    }


def write_testset(job: Job) -> dict[str, Any]:
    """test.jsonl, and the exact copies found between any two splits."""
    splits, _ = _splits(job)
    write_lines(job.out / "test.jsonl", splits["test"])
    selection: dict[str, list[Example]] = {
        name: read_lines(job.needs["data"] / f"{name}.jsonl", model=Example) for name in SELECTING
    }
    duplicates = exact_duplicates({**selection, "test": splits["test"]})
    return {
        "sizes": {"test": len(splits["test"])},
        "hashes": {"test": file_digest(job.out / "test.jsonl")},
        "duplicates": duplicates[:SHOWN],
        "duplicates_total": len(duplicates),
    }


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


def _splits(job: Job) -> tuple[dict[Split, list[Example]], int]:
    spec = DataSpec.model_validate(job.inputs["data"])
    return split_examples(source_rows(spec, path=job.local.get("path")), spec=spec, labels=job.inputs.get("labels"))


def _mean_characters(examples: list[Example]) -> dict[str, float]:
    count = max(1, len(examples))
    return {
        "input": round(sum(len(example.input) for example in examples) / count, 1),
        "reference": round(sum(len(example.reference) for example in examples) / count, 1),
    }
