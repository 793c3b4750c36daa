"""Turn a benchmark's items into those that the tuned model has met in training: they do not show what it kept."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness.adapters.forgetting import Documents, benchmark_documents
from harness.jsonl import read_lines
from harness.records import Example
from harness.stages.data import SELECTING
from harness.stages.heldout import Fields, example_fields, own_texts, repeated_texts

LEARNT_FROM = "learnt_from"
"""In the `local` of a step: the folder with the task's training and validation examples."""
Benchmarks = Mapping[str, tuple[str | None, str | None]]
"""Benchmark to its task file and its data, None where lm-eval has them."""


class Met(NamedTuple):
    """How much of a benchmark the tuned model has met, of both halves."""

    met: int
    items: int

    @property
    def share(self) -> float:
        """Of all items."""
        return self.met / max(1, self.items)

    def sentence(self, name: str) -> str:
        """The same in words."""
        stand = "stands" if self.met == 1 else "stand"
        return f"{self.met:,} of the {self.items:,} items of {name} {stand} among the training or validation rows"


def met_places(documents: Sequence[Mapping[str, Any]], *, learnt_from: Path | None) -> set[int]:
    """Places of the documents that an example of a folder repeats, by the rule for further data; none without one."""
    return set() if learnt_from is None else _met(documents, rows=learnt_rows(learnt_from))


def met_benchmarks(benchmarks: Benchmarks, *, rows: Sequence[Fields]) -> dict[str, Met]:
    """Of the benchmarks of which some items are met, how many."""
    documents = {name: documents_of(name, *files).rows for name, files in benchmarks.items()}
    found = {name: Met(len(_met(each, rows=rows)), len(each)) for name, each in documents.items()}
    return {name: met for name, met in found.items() if met.met}


def learnt_rows(folder: Path) -> list[Fields]:
    """What the training and validation examples of a finished step say."""
    return fields_of(example for name in SELECTING for example in read_lines(folder / f"{name}.jsonl", model=Example))


def fields_of(examples: Iterable[Example]) -> list[Fields]:
    """What each of them says."""
    return [example_fields(example) for example in examples]


def documents_of(name: str, file: str | None, data: str | None) -> Documents:
    """The items of a benchmark, as its data set has them."""
    return benchmark_documents(name, file=Path(file) if file else None, data=Path(data) if data else None)


def _met(documents: Sequence[Mapping[str, Any]], *, rows: Sequence[Fields]) -> set[int]:
    own = own_texts(documents)
    found = repeated_texts(rows, texts=sorted(set().union(*own)))
    return {place for place, texts in enumerate(own) if not texts.isdisjoint(found)}
