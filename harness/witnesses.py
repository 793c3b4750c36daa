"""Turn what the store and the written reports still show into uses of test items: the witnesses of the ledger."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.ledger import Ledger
from harness.likeness import FINGERPRINTS, read_marks
from harness.store import Artifact, Store
from harness.uses import Use, counted

STORE = "the store"


def store_uses(store: Store, *, listed: frozenset[str]) -> Iterator[Use]:
    """Openings by their artifacts: locks with a judgement, or with test scores that no other opening accounts for.

    A lock alone is no use: the run may have been killed before it opened the ledger. Test scores are shared by
    openings with the same champion, so those of an opening that is `listed` or judged say nothing about another.
    """
    artifacts = {artifact.key: artifact for artifact in store.every()}
    judged: dict[str, list[Artifact]] = defaultdict(list)
    for found in artifacts.values():
        if found.stage == "judge" and "lock" in found.needs:
            judged[found.needs["lock"]].append(found)
    locks = [artifact for artifact in artifacts.values() if artifact.stage == "lock"]
    accounted = {key for lock in locks if lock.key in listed or lock.key in judged for key in _scores(lock)}
    for lock in locks:
        scored = any(key in artifacts and key not in accounted for key in _scores(lock))
        if lock.key in judged or scored:
            yield from _use(lock, judged=judged.get(lock.key, []), store=store)


def report_uses(paths: Iterable[Path]) -> Iterator[Use]:
    """Openings by the `provenance.ledger` of written reports.

    Passed over: a file that holds no JSON object, or no such entry. Reports are written whole or not at all, so
    that is someone else's file, or a report of an experiment that opened nothing.
    """
    for path in paths:
        entry = _entry(path)
        opening, items, alpha = entry.get("opening"), entry.get("items"), entry.get("alpha")
        if isinstance(opening, str) and isinstance(items, list):
            yield Use(
                opening=opening,
                at=str(entry.get("at", "")),
                experiment=str(entry.get("experiment", path.parent.name)),
                **counted(items),
                # A report is easily edited: it can show that items were used, not that they were fresh.
                prior_uses=None,
                planned_looks=_whole(entry.get("planned_looks"), least=1),
                alpha=alpha if isinstance(alpha, float) and 0 < alpha < 1 else 1.0,
                line=None,
                source="/".join(path.parts[-3:]),
                at_least=_whole(entry.get("prior_uses"), least=0),
                saw=str(entry.get("hash", "")),
            )


def mirror_uses(path: Path) -> Iterator[Use]:
    """Openings by the copy of the ledger beside the reports; `StoreError` if its chain is broken."""
    for use in Ledger(path).lines():
        yield use._replace(line=None, source="/".join(path.parts[-2:]), saw=use.source)


def _whole(value: Any, *, least: int) -> int:
    """A number as a report should hold it; anything else is the least there can be."""
    return value if type(value) is int and value >= least else least


def _scores(lock: Artifact) -> list[str]:
    """Keys of the test scores, and of the tuned model's benchmarks, that a lock fixed beforehand."""
    rests_on = lock.inputs.get("rests_on", {})
    return [key for role, key in rests_on.items() if key.startswith("score-") or role.startswith("tuned:")]


def _use(lock: Artifact, *, judged: list[Artifact], store: Store) -> Iterator[Use]:
    """Nothing where neither the lock nor a test set that is still there knows the items."""
    places = (lock, store.find(lock.needs["testset"]))
    holder = next((place for place in places if place is not None and FINGERPRINTS in place.files), None)
    if holder is None:
        return
    terms = [artifact.inputs for artifact in (judged or [lock])]
    yield Use(
        opening=lock.key,
        at=max(str(artifact.provenance.get("at", "")) for artifact in (judged or [lock])),
        experiment="",
        **counted(read_marks(holder.path)),
        prior_uses=max(inputs["prior_uses_of_test_set"] for inputs in terms) if judged else None,
        planned_looks=min(inputs["planned_looks"] for inputs in terms),
        alpha=min(inputs["alpha"] for inputs in terms),
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
