"""Ledgers to test with: openings of a few test items, without a run."""

from collections.abc import Iterable
from typing import Any

from harness.canonical import digest
from harness.ledger import Ledger
from harness.likeness import fingerprint, write_marks
from harness.uses import Opening

ITEMS = ("one", "two", "three")


def opening(ledger: Ledger, name: str, *, items: Iterable[str] = ITEMS, looks: int = 1, alpha: float = 0.05) -> Opening:
    texts = list(items)
    folder = ledger.path.parent / digest(texts)
    folder.mkdir(exist_ok=True)
    write_marks(folder, [[fingerprint(text)] for text in texts])
    return Opening(f"lock-{name}", "first", digest(texts), str(folder), alpha, looks)


def prior(ledger: Ledger, name: str, **fields: Any) -> int:
    return ledger.terms(opening(ledger, name, **fields)).prior_uses


def opened(ledger: Ledger, *names: str) -> Ledger:
    for name in names:
        ledger.open(opening(ledger, name))
    return ledger
