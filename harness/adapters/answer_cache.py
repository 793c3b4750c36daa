"""Keep every answer on disk, so that each distinct (model, conversation, decoding) is computed once.

One SQLite file a workspace, shared by all its runs and experiments. It holds hashes and answers and nothing else: no
prompt, no address, no key.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from harness.adapters.generator import Generated, Generator
from harness.canonical import digest
from harness.errors import UserError
from harness.prompts import Message

NAME = "answers.sqlite"
PATIENCE = 60.0
"""Seconds to wait for another process that is writing."""
TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT, sha256 TEXT) WITHOUT ROWID"


def kept_answers(
    make: Callable[[], Generator],
    conversations: Sequence[list[Message]],
    *,
    identity: dict[str, Any],
    labels: Sequence[str] | None,
    max_new_tokens: int,
    folder: Path | None,
    progress: Callable[[int, int], None],
) -> list[Generated]:
    """One answer a conversation, in their order; the generator is made only where an answer is missing.

    Equal conversations are asked once. `identity` says who answers and how; `folder` None keeps nothing.
    """
    way = digest({"who": identity, "labels": list(labels)} if labels else {"who": identity, "limit": max_new_tokens})
    keys = [digest([way, conversation]) for conversation in conversations]
    distinct = dict(zip(keys, conversations, strict=True))
    with _opened(folder) as kept:
        found = _looked_up(kept, list(distinct))
        progress(len(found), len(distinct))
        if len(found) < len(distinct):
            _complete(make(), distinct, found, labels=labels, limit=max_new_tokens, kept=kept, progress=progress)
    return [found[key] for key in keys]


def _complete(
    generator: Generator,
    distinct: Mapping[str, list[Message]],
    found: dict[str, Generated],
    *,
    labels: Sequence[str] | None,
    limit: int,
    kept: sqlite3.Connection,
    progress: Callable[[int, int], None],
) -> None:
    """Compute what is missing in `found`, and write it down as it comes."""
    keys, asked = list(distinct), list(distinct.values())

    def keep(answers: Mapping[int, Generated]) -> None:
        new = {keys[place]: answer for place, answer in answers.items() if keys[place] not in found}
        _write(kept, new)
        found.update(new)
        progress(len(found), len(keys))

    known = {place: found[key] for place, key in enumerate(keys) if key in found}
    if labels:
        answers = generator.choices(asked, labels=labels, known=known, keep=keep)
    else:
        answers = generator.answers(asked, max_new_tokens=limit, known=known, keep=keep)
    keep(dict(enumerate(answers)))


@contextmanager
def _opened(folder: Path | None) -> Iterator[sqlite3.Connection]:
    """The file's connection; whatever ails it becomes one message that says how to mend it."""
    path = folder / NAME if folder else None
    try:
        # The rollback journal, SQLite's default: a kill loses the transaction under way and no other, on any disk.
        connection = sqlite3.connect(path or ":memory:", timeout=PATIENCE, isolation_level="IMMEDIATE")
        with closing(connection):
            connection.execute(TABLE)
            yield connection
    except sqlite3.Error as error:
        raise _trouble(error, path=path) from error


def _trouble(error: sqlite3.Error, *, path: Path | None) -> UserError:
    told = str(error)
    if "locked" in told:
        fix = "another process has it open: wait for that one, or stop it; the same command goes on"
    elif "full" in told or "unable to open" in told or "readonly" in told or "disk I/O" in told:
        fix = "make room, or make its folder writable; the same command goes on"
    else:
        fix = f"move {NAME} away; only the answers in it are computed again"
    return UserError(f"the kept answers cannot be used ({told})", where=str(path), fix=fix)


def _looked_up(kept: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Generated]:
    """What is known of `keys`; a line that is not what was written is as good as none."""
    found = {}
    for key in keys:
        row = kept.execute("SELECT answer, sha256 FROM answers WHERE key = ?", (key,)).fetchone()
        if row is not None and row[1] == digest([key, row[0]]):
            found[key] = Generated(**json.loads(row[0]))
    return found


def _write(kept: sqlite3.Connection, answers: Mapping[str, Generated]) -> None:
    """All of them or, where the process dies in the middle, none."""
    # ASCII: SQLite's text is UTF-8, which has no halves of a surrogate pair.
    texts = {key: json.dumps(answer._asdict(), ensure_ascii=True) for key, answer in answers.items()}
    rows = [(key, text, digest([key, text])) for key, text in texts.items()]
    with kept:
        kept.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
