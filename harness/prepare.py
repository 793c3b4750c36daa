"""Turn resolved specs into a `Setup`: hash the bytes they point at, find the model."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from harness.adapters import study
from harness.adapters.api_key import api_key
from harness.adapters.embeddings import resolved_embeddings
from harness.adapters.forgetting import benchmark_identity, is_known_task
from harness.adapters.generator import checked_engine
from harness.adapters.models import ModelReference, resolved_model
from harness.adapters.storages import checked_storage
from harness.adapters.tables import corpus_identity, newest_revision, source_identity
from harness.adapters.trackers import checked_login, checked_tracker
from harness.adapters.tunable import Tuning, why_not
from harness.errors import SpecErrors, UserError
from harness.family_places import family_place
from harness.ledger import Ledger
from harness.loading import Resolved, embedding_folder, source_path
from harness.loading.corpus import corpus_path
from harness.loading.experiments import own_benchmarks
from harness.loading.textfile import text_of
from harness.loading.words import nearest, shown
from harness.methods import METHODS
from harness.pins import Pins
from harness.plan.further import further_sections
from harness.plan.setup import Benchmark, FamilyFiles, Setup, Source
from harness.previous import previous_versions
from harness.specs import BaselineSpec, DataSpec, FurtherSpec, SearchSpec
from harness.store import Store
from harness.uses import Use
from harness.witnesses import mirror_uses, report_uses, store_uses

STATE = ".harness"
"""Folder of a workspace for everything that can be made again, and the ledger."""


def prepared(resolved: Resolved, *, say: Callable[[str], None]) -> Setup:
    """Everything planning needs; may convert the sample model or ask the hub for a commit."""
    model = _model(resolved, say=say)
    checked_method(resolved, folder=model.path)
    return Setup(
        resolved=resolved,
        source=data_source(resolved),
        benchmarks=benchmarks(resolved),
        model=model,
        sampler=study,
        ledger=sound_ledger(resolved.root),
        families=family_files(resolved, model=model),
        corpus=corpus_source(resolved),
        further=further_sources(resolved),
        mixed=mixed_sources(resolved),
    )


def checked_engines(resolved: Resolved) -> None:
    """Raises `UserError` where what computes the answers is not installed, or cannot do what is asked of it."""
    engine, where = resolved.experiment.model.engine, resolved.where("model", "engine")
    checked_engine(engine, where=where)
    method = resolved.experiment.search.method
    if engine == "vllm" and not METHODS[method].vllm:
        what = f"model.engine is vllm, which does not serve what search.method {method} trains"
        raise UserError(what, where=where, fix="engine: transformers, or search.method: lora")
    for family in resolved.families:
        if family.api is not None:
            checked_engine("openai", where=f"baselines/{family.family}.yaml")


def checked_method(resolved: Resolved, *, folder: Path) -> None:
    """Raises `UserError` where the model in a folder cannot be tuned as asked; looks at no weights."""
    search, model = resolved.experiment.search, resolved.experiment.model
    asked = Tuning(search.method, folder, _least_trials(search), model.trust_remote_code)
    if (misfit := why_not(asked)) is not None:
        place = ("search", "space", "target_modules") if misfit.by_modules else ("search", "method")
        raise UserError(misfit.what, where=resolved.where(*place), fix=misfit.fix)


def _least_trials(search: SearchSpec) -> list[dict[str, Any]]:
    """Parameters for each choice of modules, or one where the method has no such choice; the smallest of the others."""
    space = search.space
    least = {"rank": min(space.rank), "alpha": 1.0, "dropout": 0.0, "virtual_tokens": min(space.virtual_tokens)}
    return [{**least, "target_modules": modules} for modules in search.varied.get("target_modules", ["all-linear"])]


def checked_watchers(resolved: Resolved) -> None:
    """Raises `UserError` where what shows the search to people is not installed."""
    search = resolved.experiment.search
    for place, name in enumerate(search.report_to):
        checked_tracker(name, where=resolved.where("search", "report_to", place))
    if search.storage is not None:
        checked_storage(search.storage, root=resolved.root, where=resolved.where("search", "storage"))


def checked_logins(resolved: Resolved) -> None:
    """Raises `UserError` where a tracker would ask for a login, which nobody could answer."""
    for place, name in enumerate(resolved.experiment.search.report_to):
        checked_login(name, where=resolved.where("search", "report_to", place))


def checked_keys(resolved: Resolved) -> None:
    """Raises `UserError` where the key of a model behind an API is not at hand; the first family of each is named."""
    mistakes = {}
    for family in reversed(resolved.families):
        if family.api is not None:
            try:
                api_key(family.api.key_env, where=family_place(family, "api", "key_env", resolved=resolved))
            except UserError as error:
                mistakes[family.api.key_env] = error
    if mistakes:
        raise SpecErrors(list(reversed(mistakes.values())))


def keys_in_the_clear(resolved: Resolved) -> dict[str, UserError]:
    """Families whose key could be read on its way to the server, each with what to tell."""
    found = {}
    for family in resolved.families:
        if family.api is not None and family.api.bares_key:
            what = f"api.url begins with http://, so the key in {family.api.key_env} travels unencrypted"
            where = family_place(family, "api", "url", resolved=resolved)
            safe = f"https{family.api.url[len('http') :]}"
            found[family.family] = UserError(what, where=where, fix=f"url: {safe}")
    return found


def sound_ledger(root: Path) -> Ledger:
    """The workspace's ledger; a broken chain is an error here, hours before the verdict would need it."""
    state, mirror = root / STATE, root / "reports" / "ledger.jsonl"

    @cache
    def witnesses(listed: frozenset[str]) -> tuple[Use, ...]:
        reports = [*root.glob("reports/*/report.json"), *state.glob("runs/*/report.json")]
        copied = mirror_uses(mirror)
        return (*store_uses(Store(state / "store"), listed=listed), *copied, *report_uses(sorted(reports)))

    ledger = Ledger(state / "ledger.jsonl", witnesses, mirror)
    ledger.lines()
    return ledger


def _model(resolved: Resolved, *, say: Callable[[str], None]) -> ModelReference:
    """The base model, at the commit it was first used at where it comes from the hub without a revision."""
    spec, pins = resolved.experiment.model, _pins(resolved)
    revision = spec.revision or pins.known(f"model:{spec.name}")
    exact = spec.model_copy(update={"revision": revision})
    found = resolved_model(exact, root=resolved.root, where=resolved.where("model", "name"), say=say)
    if revision is None and found.path.parent.name == "snapshots":
        pins.keep(f"model:{spec.name}", found.path.name)
    return found


def family_files(resolved: Resolved, *, model: ModelReference | None = None) -> dict[str, FamilyFiles]:
    """What families need besides their specs; those that need nothing are left out."""
    found = previous_versions(resolved, store=Store(resolved.root / STATE / "store"), model=model)
    for family in resolved.families:
        if source := _embeddings(family, resolved=resolved):
            found[family.family] = replace(found.get(family.family, FamilyFiles()), embeddings=source)
    return found


def _embeddings(family: BaselineSpec, *, resolved: Resolved) -> Source | None:
    """The family's embedding model, at the commit it was first used at where it comes from the hub."""
    name = family.embedding_model
    if name is None:
        return None
    pins, pin = _pins(resolved), f"embeddings:{name}"
    known = pins.known(pin)
    where = f"baselines/{family.family}.yaml: embedding_model"
    found = resolved_embeddings(name, folder=embedding_folder(name, root=resolved.root), revision=known, where=where)
    if known is None and found.path.parent.name == "snapshots":
        pins.keep(pin, found.path.name)
    return Source({"fingerprint": found.fingerprint}, str(found.path))


def benchmarks(resolved: Resolved) -> dict[str, Benchmark]:
    """Every forgetting benchmark's bytes, or that lm-eval knows its name."""
    return {name: _benchmark(name, path, resolved=resolved) for name, path in resolved.benchmarks.items()}


def data_source(resolved: Resolved) -> Source:
    """The data's bytes: a hash per file, or the hub's name and commit."""
    return _source(resolved.task.data, resolved=resolved)


def mixed_sources(resolved: Resolved) -> dict[str, Source]:
    """The bytes of the tasks that are mixed in, by name."""
    return {name: _source(task.data, resolved=resolved) for name, task in resolved.mixed.items()}


def further_sources(resolved: Resolved) -> dict[str, Source]:
    """The bytes of what is learnt besides the task, by the search's key; files in the order in which they are read."""
    found = {}
    for name, section in further_sections(resolved.experiment.search).items():
        try:
            found[name] = _further(section, resolved=resolved)
        except UserError as error:
            what = f"search.{name}.source is {shown(section.source)}: {error.what}"
            raise UserError(what, where=resolved.where("search", name, "source"), fix=error.fix) from error
    return found


def _further(section: FurtherSpec, *, resolved: Resolved) -> Source:
    path = source_path(section.source, root=resolved.root)
    if path is None:
        return _on_hub(section, resolved=resolved)
    return Source(corpus_identity(path), str(path))


def _source(spec: DataSpec, *, resolved: Resolved) -> Source:
    path = source_path(spec.source, root=resolved.root)
    if path is None:
        return _on_hub(spec, resolved=resolved)
    return Source(source_identity(path), str(path))


def _on_hub(spec: DataSpec | FurtherSpec, *, resolved: Resolved) -> Source:
    name = spec.source
    revision = spec.revision or _pins(resolved).pinned(f"data:{name}", lambda: newest_revision(name))
    return Source({"hub": name, "config": spec.config, "revision": revision}, None)


def corpus_source(resolved: Resolved) -> Source | None:
    """The corpus's bytes, a hash per file in the order in which they are read; None where the task has none."""
    if resolved.task.corpus is None:
        return None
    source = resolved.task.corpus.source
    path = corpus_path(source, root=resolved.root)
    try:
        return Source(corpus_identity(path), str(path))
    except UserError as error:
        what = f"corpus.source is {shown(source)}: {error.what}"
        raise UserError(what, where=resolved.task_where("corpus", "source"), fix=error.fix) from error


def _pins(resolved: Resolved) -> Pins:
    return Pins(resolved.root / STATE / "pins.json")


def uses_hub(setup: Setup) -> bool:
    """Whether any step may have to reach the hub."""
    task = setup.resolved.task
    return (
        any(source.path is None for source in (setup.source, *setup.further.values(), *setup.mixed.values()))
        or any(bench.file is None or bench.data is None for bench in setup.benchmarks.values())
        or any(metric.startswith("evaluate:") for metric in task.metrics)
    )


def _benchmark(name: str, path: Path | None, *, resolved: Resolved) -> Benchmark:
    if path is None:
        if not is_known_task(name):
            raise _unknown(name, resolved=resolved)
        return Benchmark({"lm_eval": name}, None, None)
    source = _metadata(path).get("source")
    try:
        data = source_path(str(source), root=resolved.root) if source else None
    except UserError as error:
        raise UserError(error.what, where=f"{path}: metadata.source", fix=error.fix) from error
    return Benchmark(benchmark_identity(path, data), str(path), str(data) if data else None)


def _unknown(name: str, *, resolved: Resolved) -> UserError:
    place = [gate.benchmark for gate in resolved.experiment.gates.forgetting].index(name)
    guess = nearest(name, own_benchmarks(resolved.root))
    fix = f"did you mean {guess}?" if guess else f"write tasks/forgetting/{name}.yaml, or name a task that lm-eval has"
    where = resolved.where("gates", "forgetting", place, "benchmark")
    return UserError(f"unknown benchmark {shown(name)}", where=where, fix=fix)


def _metadata(path: Path) -> dict[str, Any]:
    """The `metadata` of an lm-eval task file; lm-eval's own tags are read as plain text."""
    reader = YAML(typ="safe", pure=True)
    reader.constructor.add_constructor(None, lambda loader, node: str(node.value))
    try:
        content = reader.load(text_of(path))
    except YAMLError as error:
        raise UserError(
            f"benchmark file cannot be read: {str(error).splitlines()[0]}", where=str(path), fix="mend the YAML"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("metadata", {}), dict):
        raise UserError("is not an lm-eval task file", where=str(path), fix="see tasks/forgetting/README.md")
    return dict(content.get("metadata") or {})
