"""Turn a model and a benchmark into one accuracy an item, through lm-eval."""

import glob
import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from harness.adapters.benchmark_questions import shown_columns, written_template
from harness.adapters.benchmark_sources import shared_sources
from harness.adapters.language_model import LanguageModel
from harness.adapters.tables import corpus_rows
from harness.canonical import file_digest
from harness.errors import UserError


class LoadedTask(NamedTuple):
    """A benchmark as lm-eval knows it."""

    manager: Any
    task: Any
    name: str
    """lm-eval's."""
    ids: list[str]
    """Of its items, in their order."""
    shared: dict[str, str]
    """Id of each item that shares a source with others, such as a passage, to that source."""


class Documents(NamedTuple):
    """A benchmark's items as its data set has them."""

    rows: list[dict[str, Any]]
    questions: list[str]
    """The columns that its prompt shows; empty where only code knows them."""


Met = Callable[[Sequence[Mapping[str, Any]]], set[int]]
"""Told documents, the places of those that the model was trained or selected on."""


def met_none(documents: Sequence[Mapping[str, Any]]) -> set[int]:
    """For a model that was trained on nothing."""
    return set()


def item_accuracies(
    model: LanguageModel,
    *,
    benchmark: str,
    file: Path | None,
    data: Path | None,
    limit: int | None,
    progress: Callable[[int, int], None],
    met: Met = met_none,
) -> list[dict[str, Any]]:
    """`{"doc": id, "acc": 0 or 1}` of every item in the gate's half, or its first `limit` by hash.

    Items that share a source have it as `source`; those that the model has met have `met`.
    """
    from lm_eval import simple_evaluate

    from harness.adapters.lm_eval_model import EngineLM

    loaded = loaded_task(benchmark, file=file, data=data)
    found = simple_evaluate(
        model=EngineLM(model, progress=progress),
        tasks=[loaded.task],
        samples={loaded.name: gate_half(loaded.ids, limit=limit)},
        log_samples=True,
        bootstrap_iters=0,
        task_manager=loaded.manager,
    )
    samples = _one_filter(found["samples"][loaded.name])
    rows = accuracy_rows(samples, benchmark=benchmark)
    return marked(rows, shared=loaded.shared, met=met([sample["doc"] for sample in samples]))


def marked(rows: list[dict[str, Any]], *, shared: Mapping[str, str], met: set[int]) -> list[dict[str, Any]]:
    """The rows with what the gate has to know of them: a source that several of them share, and that one was met."""
    sources = [shared.get(row["doc"]) for row in rows]
    sizes = Counter(sources)
    return [
        {**row, **({"source": source} if source and sizes[source] > 1 else {}), **({"met": True} if at in met else {})}
        for at, (row, source) in enumerate(zip(rows, sources, strict=True))
    ]


def accuracy_rows(samples: list[dict[str, Any]], *, benchmark: str) -> list[dict[str, Any]]:
    """lm-eval's samples as `{"doc": id, "acc": 0 or 1}`."""
    return [
        {"doc": _document_id(sample["doc"]), "acc": _accuracy(sample, benchmark=benchmark)}
        for sample in _one_filter(samples)
    ]


def benchmark_documents(benchmark: str, *, file: Path | None, data: Path | None) -> Documents:
    """Every item, of both halves, and which of its columns are the question."""
    written = None if file is None else written_template(file)
    if data is not None:
        return Documents(corpus_rows(data), shown_columns(written))
    _, task, _ = _task(benchmark, file=file, data=data)
    asked = task.get_config("doc_to_text") if written is None else written
    return Documents([dict(document) for document in task.eval_docs], shown_columns(asked))


def benchmark_identity(file: Path, data: Path | None) -> dict[str, str]:
    """Hashes of a benchmark's file, of the code beside it, and of its data."""
    code = {other.name: file_digest(other) for other in sorted(file.parent.glob("*.py"))}
    return {"file": file_digest(file), **code} | ({"data": file_digest(data)} if data else {})


def gate_half(ids: list[str], *, limit: int | None) -> list[int]:
    """Places of the items whose hash is odd: search may see only the others."""
    return _first([place for place, identity in enumerate(ids) if _gated(identity)], ids=ids, limit=limit)


def search_half(ids: list[str], *, limit: int | None, shared: Mapping[str, str] | None = None) -> list[int]:
    """Places of the others, which no gate sees, less those that share a source with an item that it sees."""
    known = shared or {}
    seen = {known[identity] for identity in ids if _gated(identity) and identity in known}
    mine = [place for place, one in enumerate(ids) if not _gated(one) and known.get(one) not in seen]
    return _first(mine, ids=ids, limit=limit)


def _gated(identity: str) -> bool:
    return int(identity[:8], 16) % 2 == 1


def _first(places: list[int], *, ids: list[str], limit: int | None) -> list[int]:
    return sorted(sorted(places, key=lambda place: ids[place])[:limit])


def loaded_task(benchmark: str, *, file: Path | None, data: Path | None) -> LoadedTask:
    """From our file with its data, or by name from lm-eval."""
    manager, task, name = _task(benchmark, file=file, data=data)
    documents = list(task.eval_docs)
    ids = [_document_id(document) for document in documents]
    return LoadedTask(manager, task, name, ids, shared_sources(documents, ids=ids))


def _task(benchmark: str, *, file: Path | None, data: Path | None) -> tuple[Any, Any, str]:
    """The task manager, the lm-eval task and its name: from our file with its data, or by name from lm-eval."""
    from lm_eval.tasks import TaskManager

    if file is None:
        manager = _library()
        found = manager.load([benchmark])["tasks"]
    else:
        manager = TaskManager(include_defaults=False)
        found = _from_file(manager, file=file, data=data)
    if len(found) != 1:
        names = ", ".join(list(found)[:3])
        raise UserError(
            f"benchmark {benchmark} is a group of tasks", where="gates.forgetting", fix=f"name one: {names} …"
        )
    name, task = next(iter(found.items()))
    return manager, task, name


@cache
def _library() -> Any:
    """All tasks that lm-eval ships; understanding their files takes many seconds."""
    from lm_eval.tasks import TaskManager

    return TaskManager()


def is_known_task(name: str) -> bool:
    """Whether lm-eval ships a task of this name."""
    if not _is_written(name):
        return False
    return name in _library().all_tasks


def _is_written(name: str) -> bool:
    """Whether lm-eval's files of tasks hold this name at all, which takes a second to see."""
    word = re.compile(rb"(?<![\w-])" + re.escape(name.encode("utf-8", "surrogatepass")) + rb"(?![\w-])")
    package = find_spec("lm_eval")
    folders = package.submodule_search_locations or [] if package else []
    files = (file for folder in folders for file in Path(folder, "tasks").rglob("*yaml") if file.is_file())
    return any(word.search(file.read_bytes()) for file in files)


def _from_file(manager: Any, *, file: Path, data: Path | None) -> Any:
    """The task of a file, told where its rows lie by a file that includes it."""
    with tempfile.TemporaryDirectory() as folder:
        wrapper = Path(folder) / file.name
        place = {"dataset_kwargs": _kwargs(data, folder=folder)} if data else {}
        # JSON is YAML, and quotes every path rightly.
        wrapper.write_text(json.dumps({"include": str(file.resolve()), **place}), "utf-8")
        return manager.load([str(wrapper)])["tasks"]


def _kwargs(data: Path, *, folder: str) -> dict[str, Any]:
    """For `datasets`, which takes the name for a pattern, and finds what it converted before by path and time alone."""
    return {"data_files": {"test": glob.escape(str(data))}, "cache_dir": folder, "keep_in_memory": True}


def _one_filter(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each document once, in order: lm-eval lists it again for every answer filter; the task's first one counts."""
    first = samples[0].get("filter")
    return sorted((one for one in samples if one.get("filter") == first), key=lambda one: int(one["doc_id"]))


def _accuracy(sample: dict[str, Any], *, benchmark: str) -> int:
    for name in ("acc", "exact_match"):
        if name in sample and sample[name] in (0, 1):
            return int(sample[name])
    raise UserError(
        f"benchmark {benchmark} has no acc or exact_match of 0 or 1 per item",
        where="gates.forgetting",
        fix="choose another",
    )


def _document_id(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()[:16]
