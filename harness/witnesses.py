"""Turn what the store and the written reports still show into uses of test items: the witnesses of the ledger."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.ledger import Use
from harness.likeness import FINGERPRINTS, read_fingerprints
from harness.store import Artifact, Store

STORE = "the store"


def store_uses(store: Store, *, listed: frozenset[str]) -> Iterator[Use]:
    """Openings by their artifacts: locks with a judgement, or with test scores that no other opening accounts for.

    A lock alone is no use: the run may have been killed before it opened the ledger. Test scores are shared by
    openings with the same champion, so those of an opening that is `listed` or judged say nothing about another.
    """
    artifacts = {artifact.key: artifact for artifact in store.every()}
    judged = {found.needs["lock"]: found for found in artifacts.values() if "lock" in found.needs}
    locks = [artifact for artifact in artifacts.values() if artifact.stage == "lock"]
    accounted = {key for lock in locks if lock.key in listed or lock.key in judged for key in _scores(lock)}
    for lock in locks:
        scored = any(key in artifacts and key not in accounted for key in _scores(lock))
        if lock.key in judged or scored:
            yield from _use(lock, judged=judged.get(lock.key), store=store)


def report_uses(paths: Iterable[Path]) -> Iterator[Use]:
    """Openings by the `provenance.ledger` of written reports.

    Passed over: a file that holds no JSON object, or no such entry. Reports are written whole or not at all, so
    that is someone else's file, or a report of an experiment that opened nothing.
    """
    for path in paths:
        entry = _entry(path)
        opening, items = entry.get("opening"), entry.get("items")
        if isinstance(opening, str) and isinstance(items, list):
            looks, alpha = entry.get("planned_looks"), entry.get("alpha")
            yield Use(
                opening=opening,
                at=str(entry.get("at", "")),
                experiment=str(entry.get("experiment", path.parent.name)),
                items=frozenset(map(str, items)),
                # A report is easily edited: it can show that items were used, not that they were fresh.
                prior_uses=None,
                planned_looks=looks if isinstance(looks, int) else 1,
                alpha=alpha if isinstance(alpha, float) else 1.0,
                line=None,
                source="/".join(path.parts[-3:]),
            )


def _scores(lock: Artifact) -> list[str]:
    """Keys of the test scores that a lock fixed beforehand; locks of older versions named none."""
    return [key for key in lock.inputs.get("rests_on", {}).values() if key.startswith("score-")]


def _use(lock: Artifact, *, judged: Artifact | None, store: Store) -> Iterator[Use]:
    """Nothing where the test set is gone, or was sealed by a version without fingerprints."""
    testset = store.find(lock.needs["testset"])
    if testset is None or FINGERPRINTS not in testset.files:
        return
    last = judged or lock
    yield Use(
        opening=lock.key,
        at=str(last.provenance.get("at", "")),
        experiment="",
        items=frozenset(read_fingerprints(testset.path)),
        prior_uses=judged.inputs["prior_uses_of_test_set"] if judged else None,
        planned_looks=last.inputs["planned_looks"],
        alpha=last.inputs["alpha"],
        line=None,
        source=STORE,
    )


def _entry(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return {}
    except OSError as error:
        fix = "make it readable, or move it away: a report shows which test items were used"
        raise StoreError(f"report cannot be read ({error.strerror})", where=str(path), fix=fix) from error
    for name in ("provenance", "ledger"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
