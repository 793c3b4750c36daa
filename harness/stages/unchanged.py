"""Tell a step that what it reads is no longer what the run was planned with.

A run hashes its sources once, when it begins, and reads them again hours later. What came of other bytes would be kept
for good under the key of the first ones, and a test set made of them is not the rest of the training set.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from harness.adapters.embeddings import embeddings_fingerprint
from harness.adapters.forgetting import benchmark_identity
from harness.adapters.model_files import model_fingerprint, model_stamp
from harness.adapters.tables import corpus_identity, source_identity
from harness.canonical import file_digest
from harness.errors import SourceChanged, UserError
from harness.stages import Job


class _Source(NamedTuple):
    """Something that a step reads and that is no artifact."""

    path: str
    planned: Any
    """Its identity, as the step's inputs have it."""
    found: Callable[[Path], Any]
    """The identity of what lies at a path now."""


def check_sources(job: Job) -> None:
    """Raises `SourceChanged` where one of them is not what the step was planned with."""
    for source in _sources(job.inputs, job.local):
        if not _as_planned(source):
            raise SourceChanged(source.path)


def _as_planned(source: _Source) -> bool:
    try:
        return bool(source.found(Path(source.path)) == source.planned)
    except (OSError, UserError):  # What can no longer be read has changed as well.
        return False


def _sources(inputs: dict[str, Any], local: dict[str, Any]) -> Iterator[_Source]:
    """A path of the step's machine, and the input that says what has to lie there; the hub's have no path."""
    if local.get("path"):
        yield _Source(local["path"], inputs["source"], source_identity)
    if local.get("further"):
        yield _Source(local["further"], inputs["from"], corpus_identity)
    if local.get("corpus"):
        yield _Source(local["corpus"], {"files": inputs["corpus"]["files"]}, corpus_identity)
    if local.get("embeddings"):
        yield _Source(local["embeddings"], inputs["embeddings"]["fingerprint"], embeddings_fingerprint)
    if local.get("adapter"):
        yield _Source(local["adapter"], inputs["adapter"], partial(_hashes, names=list(inputs["adapter"])))
    if local.get("model_stamp"):
        model = inputs["model"]["fingerprint"]
        yield _Source(local["model_path"], model, partial(_model, planned=model, stamp=local["model_stamp"]))
    for identity, file, data in _benchmarks(inputs, local):
        if file:
            beside = {name: value for name, value in identity.items() if name != "data"}
            yield _Source(file, beside, partial(benchmark_identity, data=None))
        if data:
            yield _Source(data, identity["data"], file_digest)


def _benchmarks(inputs: dict[str, Any], local: dict[str, Any]) -> Iterator[tuple[Any, str | None, str | None]]:
    """Identity, task file and data of the one that the step is about, or of each that it knows."""
    if "file" in local:
        yield inputs["source"], local["file"], local["data"]
    for name, place in local.get("benchmarks", {}).items():
        file, data = (place["file"], place["data"]) if isinstance(place, dict) else place
        yield inputs["benchmarks"][name], file, data


def _hashes(folder: Path, *, names: list[str]) -> dict[str, str]:
    return {name: file_digest(folder / name) for name in names}


def _model(path: Path, *, planned: str, stamp: str) -> str:
    """The fingerprint; weights whose sizes and times are still those that were noted are not hashed again."""
    return planned if model_stamp(path) == stamp else model_fingerprint(path)
