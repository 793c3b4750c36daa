"""Turn the earlier version that a family names into an adapter whose bytes, base model and training data are known.

An earlier run stands by its winner: the tuned champion of its search, whatever its verdict was.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness.adapters.sample_model import HUB_NAME, converted_folder
from harness.canonical import file_digest
from harness.errors import UserError
from harness.family_places import family_place
from harness.loading import Resolved
from harness.loading.previous import CONFIG, WEIGHTS, adapter_folder, adapter_settings, earlier_run
from harness.loading.words import clipped, shown
from harness.plan.setup import FamilyFiles, Model, Source
from harness.specs import BaselineSpec
from harness.store import Artifact, Store
from harness.trained import trained_files, weights_hash

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


class Earlier(NamedTuple):
    """An earlier version's adapter."""

    folder: Path
    files: dict[str, str]
    """Name to SHA-256."""
    trained: Artifact | None
    """The step that trained it; None for a folder from elsewhere."""
    base: str
    """Its base model's name, as far as it is known."""


def previous_versions(resolved: Resolved, *, store: Store, model: Model | None = None) -> dict[str, FamilyFiles]:
    """By family, the adapter of its earlier version; checked against the base model where that is known."""
    return {
        family.family: _family_files(family, resolved=resolved, store=store, model=model)
        for family in resolved.families
        if family.previous is not None
    }


def _family_files(family: BaselineSpec, *, resolved: Resolved, store: Store, model: Model | None) -> FamilyFiles:
    assert family.previous is not None
    try:
        name = earlier_run(family.previous)
        found = _from_folder(family.previous, root=resolved.root) if name is None else _winner(name, resolved, store)
        if model is not None:
            _check_base(found, model=model)
    except UserError as error:
        what = f"previous is {shown(family.previous)}: {error.what}"
        raise UserError(what, where=family_place(family, "previous", resolved=resolved), fix=error.fix) from error
    trained = found.trained
    data = trained.needs["data"] if trained else None
    return FamilyFiles(
        adapter=Source(dict(found.files), str(found.folder)),
        quantization=trained.inputs["model"]["quantization"] if trained else None,
        seen=data if data and _is_whole(trained, store=store) else None,
        learnt=_learnt(trained, store=store),
        base="" if trained else found.base,
    )


def _is_whole(trained: Artifact | None, *, store: Store) -> bool:
    """Whether all that its epochs learnt from is still there."""
    while trained is not None:
        needs = {role: store.find(key) for role, key in trained.needs.items()}
        if None in needs.values():
            return False
        trained = needs.get("previous")
    return True


def _learnt(trained: Artifact | None, *, store: Store) -> tuple[str, ...]:
    """Keys of the further data of its last epoch and of those before it."""
    found: list[str] = []
    while trained is not None:
        steps = map(store.find, trained.needs.values())
        found += [step.key for step in steps if step is not None and step.stage == "further"]
        before = trained.needs.get("previous")
        trained = store.find(before) if before else None
    return tuple(dict.fromkeys(found))


def base_remarks(versions: Mapping[str, FamilyFiles], *, model: str) -> list[str]:
    """One sentence for each adapter that names another base model: one model may have several names, so no mistake."""
    ours = {_last(model)} if model != "sample" else {_last(HUB_NAME), _last(str(converted_folder()))}
    return [
        f"{family}: its {CONFIG} says it was trained on {clipped(files.base)}, and this experiment's model is {model}; "
        "unless these are two names of one model, its answers mean nothing"
        for family, files in versions.items()
        if files.base and _last(files.base) not in ours
    ]


def _last(name: str) -> str:
    """`name` of `owner/name`, of a folder, and of the hub's `models--owner--name/snapshots/0a1b`."""
    cached = re.search(r"models--[^/]*?--([^/]+)/snapshots/", name)
    return (cached[1] if cached else Path(name).name).casefold()


def _from_folder(previous: str, *, root: Path) -> Earlier:
    folder = adapter_folder(previous, root=root)
    files = {name: file_digest(folder / name) for name in (CONFIG, WEIGHTS)}
    return Earlier(folder, files, None, str(adapter_settings(folder).get("base_model_name_or_path") or ""))


def _winner(name: str, resolved: Resolved, store: Store) -> Earlier:
    """The adapter that the latest report of an experiment names."""
    again = f"harness run experiments/{name}.yaml"
    report = _report(resolved.root / "reports" / name / "report.json", again=again)
    if report.get("champion") is None:
        raise UserError("that run has no winner: every trial of its search failed", fix="name another experiment")
    named = report.get("provenance", {}).get("winner", {})
    if not {"key", "weights"} <= set(named):
        raise UserError("its report does not say which adapter won; it is of an earlier version", fix=again)
    trained = store.find(str(named["key"]))
    if trained is None:
        what = f"its winning adapter, {clipped(str(named['key']))}, is no longer in the store"
        raise UserError(what, fix=f"{again}; what is missing is trained again")
    if weights_hash(trained.files) != named["weights"]:
        raise UserError("the adapter in the store is not the one that its report is about", fix=again)
    return Earlier(trained.path, trained_files(trained.files), trained, str(report.get("model", "")))


def _report(path: Path, *, again: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError("that experiment was not run to its end yet", fix=again) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path.parent.name}/{path.name} cannot be read: {clipped(str(error))}", fix=again) from error
    if not isinstance(found, dict) or not isinstance(found.get("provenance", {}), dict):
        raise UserError(f"{path.parent.name}/{path.name} is no report", fix=again)
    return found


def _check_base(found: Earlier, *, model: Model) -> None:
    """A run's base model is known by its bytes, a folder's only by its name, and only where both are hub ids.

    What a name cannot show, the shapes of the matrices show when the adapter is put on.
    """
    if found.trained is not None:
        differs = found.trained.inputs["model"]["fingerprint"] != model.fingerprint
    else:
        hub = HUB_ID.fullmatch(found.base) and HUB_ID.fullmatch(model.name) and _from_hub(model)
        differs = bool(hub) and found.base.casefold() != model.name.casefold()
    if differs:
        what = f"it was trained on another base model, {clipped(found.base)}; this experiment's is {model.name}"
        raise UserError(what, fix="name an adapter of the same base model, or leave the family out")


def _from_hub(model: Model) -> bool:
    """Whether its name is a hub id; a folder's may look like one."""
    return model.path.parent.name == "snapshots"
