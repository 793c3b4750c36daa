"""Turn a key into a finished artifact: look up, verify, commit in one rename.

Layout: `.harness/store/STAGE-HASH/` with the stage's files and, written last, `artifact.json`, which holds
the hash of every file. A folder without it never happened.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.canonical import file_digest
from harness.disk import flush, let_in
from harness.errors import StoreError
from harness.steps import Step

RECORD = "artifact.json"


@dataclass(frozen=True)
class Artifact:
    """One finished step on disk."""

    key: str
    stage: str
    path: Path
    inputs: dict[str, Any]
    needs: dict[str, str]
    files: dict[str, str]
    """Relative name to SHA-256."""
    summary: dict[str, Any]
    """The small results that planning and reporting read; the same on every machine."""
    status: str = "done"
    """`done` or `failed`."""
    error: str = ""
    seconds: float = 0.0
    provenance: dict[str, Any] = field(default_factory=dict)


class Store:
    """Artifacts under one folder; safe against a kill at any moment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: dict[str, Artifact] = {}

    def find(self, key: str) -> Artifact | None:
        """The verified artifact of a key, or None; a damaged one is an error that names the file."""
        if key not in self._verified:
            if not (self.root / key / RECORD).is_file():
                return None
            with let_in():
                self._verified[key] = self._verify(_read(self.root / key / RECORD))
        return self._verified[key]

    def get(self, key: str) -> Artifact:
        """The artifact of a key that must exist."""
        found = self.find(key)
        if found is None:
            raise StoreError(f"artifact {key} is missing", where=str(self.root), fix="run the experiment again")
        return found

    def recheck(self, key: str) -> None:
        """Raises `StoreError` where an artifact was damaged since it was first looked up."""
        self._verified.pop(key, None)
        self.get(key)

    def every(self) -> Iterator[Artifact]:
        """All committed artifacts, unverified, newest last."""
        records = [path for path in self.root.glob(f"*/{RECORD}") if not path.parent.name.startswith(".")]
        for path in sorted(records, key=lambda path: path.stat().st_mtime):
            yield _read(path)

    @contextmanager
    def workspace(self, key: str) -> Iterator[Path]:
        """A temporary sibling to write into; removed unless it was committed.

        Raises `UserError` where the system does not let the harness at a file, here or inside.
        """
        with let_in():
            self.root.mkdir(parents=True, exist_ok=True)
            path = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=self.root))
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)

    def commit(
        self,
        step: Step,
        *,
        path: Path,
        summary: dict[str, Any],
        seconds: float,
        provenance: dict[str, Any],
        error: str = "",
    ) -> Artifact:
        """Hash every file, write the record last, flush to disk, rename into place."""
        files = {name: file_digest(path / name) for name in _names(path)}
        record = {
            "key": step.key,
            "stage": step.stage,
            "identity": step.identity,
            "status": "failed" if error else "done",
            "error": error,
            "inputs": step.inputs,
            "needs": step.needs,
            "files": files,
            "summary": summary,
            "seconds": round(seconds, 3),
            "provenance": provenance,
        }
        (path / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False), "utf-8")
        for name in (*files, RECORD):
            flush(path / name)
        target = self.root / step.key
        if not (target / RECORD).exists():
            shutil.rmtree(target, ignore_errors=True)
            path.rename(target)
            flush(self.root)
        return self.get(step.key)

    def sweep(self) -> None:
        """Remove temporary folders that a killed run left behind; only while no other run is going on."""
        for path in self.root.glob(".*-*.*"):
            shutil.rmtree(path, ignore_errors=True)

    def forget(self, key: str) -> None:
        """Remove an artifact, so that its step is done again; the record first, without which the rest is nothing."""
        self._verified.pop(key, None)
        (self.root / key / RECORD).unlink()
        shutil.rmtree(self.root / key)

    def _verify(self, artifact: Artifact) -> Artifact:
        for name, expected in artifact.files.items():
            path = artifact.path / name
            if not path.is_file() or file_digest(path) != expected:
                raise StoreError(
                    f"stored file {'does not match its hash' if path.exists() else 'is missing'}",
                    where=str(path),
                    fix=f"remove the folder {artifact.path} and run again; only that step is repeated",
                )
        return artifact


def _read(path: Path) -> Artifact:
    try:
        record = json.loads(path.read_text("utf-8"))
        names = ("key", "stage", "inputs", "needs", "files", "summary", "status", "error", "seconds", "provenance")
        return Artifact(path=path.parent, **{name: record[name] for name in names})
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"stored record cannot be read ({error})", where=str(path), fix=f"remove the folder {path.parent}"
        ) from error


def _names(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
