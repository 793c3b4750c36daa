"""Turn files, folders and hub data sets into rows, through `datasets`."""

import glob
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.canonical import file_digest
from harness.disk import found_no_room, no_room, trouble
from harness.errors import UserError
from harness.specs import DataSpec

BUILDERS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
SPLIT_NAMES = {"train": "train", "validation": "validation", "valid": "validation", "dev": "validation", "test": "test"}


def source_rows(spec: DataSpec, *, path: str | None) -> dict[str, list[dict[str, Any]]]:
    """Rows by split name; `all` where the source has one unsplit file."""
    if path is None:
        return _hub_rows(spec)
    files = source_files(Path(path))
    return {name: [row for file in parts for row in _file_rows(file)] for name, parts in files.items()}


def source_files(path: Path) -> dict[str, list[Path]]:
    """The data files of a source by split name: a folder's `train*`, `validation*` and `test*`, or one file."""
    if path.is_file():
        _builder(path)
        return {"all": [path]}
    found: dict[str, list[Path]] = {}
    for file in sorted(path.iterdir()):
        word = re.split(r"[-_.]", file.name.casefold())[0]
        if word in SPLIT_NAMES and file.suffix in BUILDERS:
            found.setdefault(SPLIT_NAMES[word], []).append(file)
    if found:
        return found
    single = [file for file in sorted(path.iterdir()) if file.suffix in BUILDERS]
    if len(single) == 1:
        return {"all": [single[0]]}
    raise UserError(
        f"folder holds {len(single)} data files and none named train.*, validation.* or test.*",
        where=str(path),
        fix="name the files after their splits, or point data.source at one file",
    )


def corpus_files(path: Path) -> list[Path]:
    """The data files of a corpus in the order of their names: one file, or all that lie in a folder."""
    if path.is_file():
        _builder(path)
        return [path]
    found = [file for file in sorted(path.iterdir()) if file.is_file() and file.suffix in BUILDERS]
    if not found:
        fix = "put JSONL, CSV or Parquet into it, or name one such file"
        raise UserError("the folder holds no data file", where=str(path), fix=fix)
    return found


def source_identity(path: Path) -> dict[str, Any]:
    """Hashes of a source's data files by split, in the order in which they are read."""
    return {name: [file_digest(file) for file in parts] for name, parts in source_files(path).items()}


def corpus_identity(path: Path) -> dict[str, Any]:
    """Hashes of a corpus's data files, in the order in which they are read."""
    return {"files": [file_digest(file) for file in corpus_files(path)]}


def corpus_rows(path: Path) -> list[dict[str, Any]]:
    """Every row of a corpus, in the order of its files."""
    return [row for file in corpus_files(path) for row in _file_rows(file)]


def every_row(spec: DataSpec, *, path: str | None) -> list[dict[str, Any]]:
    """The rows of all splits of a hub data set, whatever they are called, or of a file or folder as of a corpus."""
    if path is not None:
        return corpus_rows(Path(path))
    return [row for rows in _loaded(spec).values() for row in rows]


def _builder(path: Path) -> str:
    if path.suffix not in BUILDERS:
        raise UserError(
            f"cannot read {path.suffix or 'a file without ending'}", where=str(path), fix="use JSONL, CSV or Parquet"
        )
    return BUILDERS[path.suffix]


def _has_content(path: Path) -> bool:
    """Whether anything but blanks stands in a file; datasets ends in an error of its own where nothing does."""
    with path.open("rb") as file:
        return any(line.strip() for line in file)


def _file_rows(path: Path) -> list[dict[str, Any]]:
    from datasets.exceptions import DatasetGenerationError

    if not _has_content(path):
        raise UserError("the file holds no rows", where=str(path), fix="fill it, or name another")
    try:
        return _csv_rows(path) if _builder(path) == "csv" else _converted_rows(path)
    except (DatasetGenerationError, ValueError, OSError) as error:
        cause = error.__cause__ or error
        raise UserError(
            f"data cannot be read: {str(cause).splitlines()[0]}", where=str(path), fix="mend the file"
        ) from error


def _converted_rows(path: Path) -> list[dict[str, Any]]:
    """JSON and Parquet. `datasets` finds what it converted before by path and time alone, so nothing is kept."""
    from datasets import Dataset, disable_progress_bars
    from datasets.utils.logging import set_verbosity

    disable_progress_bars()
    set_verbosity(logging.CRITICAL)  # What it would log, the error that is raised says in one line.
    read = {"json": Dataset.from_json, "parquet": Dataset.from_parquet}[_builder(path)]
    with _scratch() as folder:
        # It takes the name for a pattern.
        return list(read(glob.escape(str(path)), cache_dir=folder, keep_in_memory=True))


@contextmanager
def _scratch() -> Iterator[str]:
    """A folder for a while; where it cannot be written, the file that is read is not to blame."""
    try:
        folder = tempfile.mkdtemp(prefix="llm-harness-")
    except OSError as error:
        raise _unwritable(error) from error
    try:
        yield folder
    except Exception as error:
        cause = error.__cause__ or error
        if found_no_room(error):
            raise no_room(error, where=Path(folder).parent) from error
        if isinstance(cause, OSError) and str(cause.filename).startswith(folder):
            raise _unwritable(cause) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unwritable(error: OSError) -> UserError:
    what = f"data are converted in a temporary folder, which cannot be written ({error.strerror})"
    return UserError(what, where=str(error.filename or "TMPDIR"), fix="set TMPDIR to a folder that can be written")


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    """Every cell as text: an answer "NA" or "007" is no absence and no number."""
    import pandas

    separator = "\t" if path.suffix == ".tsv" else ","
    frame = pandas.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _hub_rows(spec: DataSpec) -> dict[str, list[dict[str, Any]]]:
    loaded = _loaded(spec)
    found = {SPLIT_NAMES[split]: list(rows) for split, rows in loaded.items() if split in SPLIT_NAMES}
    return found if "test" in found else {"all": [row for rows in found.values() for row in rows]}


def _loaded(spec: DataSpec) -> Any:
    """The splits of a hub data set by their names."""
    from datasets import load_dataset

    name = spec.source.removeprefix("hub:")
    try:
        return load_dataset(name, spec.config, revision=spec.revision)
    except (OSError, ValueError, RuntimeError) as error:
        if trouble(error) is not None:
            raise
        raise UserError(
            f"hub data set {name} cannot be loaded: {str(error).splitlines()[0]}",
            where="data.source",
            fix="check the name and the connection, or download it and name the folder with --set data.source=FOLDER",
        ) from error


def newest_revision(source: str) -> str:
    """The commit that a hub data set is at now."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError

    name = source.removeprefix("hub:")
    try:
        return str(HfApi().dataset_info(name, timeout=10).sha)
    except (OSError, HTTPError) as error:
        raise UserError(
            f"hub data set {name} cannot be reached",
            where="data.source",
            fix="check the name and the connection, or download it and run with --set data.source=FOLDER",
        ) from error
