"""Make what was written outlive a power cut; know a disk that takes no more, and one that lets nobody in."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import UserError

NO_ROOM = {
    errno.ENOSPC: ("the disk is full", "make room"),
    errno.EDQUOT: ("the quota of the disk is used up", "make room"),
    errno.EFBIG: (
        "a file would become larger than the system allows",
        "raise the limit (ulimit -f), or take another disk",
    ),
}
"""What the system says when it takes no more, and what helps."""
_YOURS = "make it, and the folder it lies in, yours to read and write (ls -ld shows whose they are)"
DENIED = {
    errno.EACCES: ("permission denied", _YOURS),
    errno.EPERM: ("permission denied", _YOURS),
    errno.EROFS: ("the disk is mounted read-only", "mount it writable, or copy the workspace to another disk"),
}
"""What the system says when it lets nobody in, or not this user, and what helps."""


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by `content`: whole at every moment, and on disk before this returns."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
    flush(path.parent)


def same(one: Path, other: Path) -> bool:
    """Whether both files are there and hold the same bytes."""
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def flush(path: Path) -> None:
    """Force a file, or a folder's list of names, onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def room_in(place: Path) -> Iterator[None]:
    """Inside, a disk that takes no more is one message, which names the file or else `place`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not found_no_room(error):
            raise
        raise no_room(error, where=place) from error


def found_no_room(error: BaseException) -> bool:
    """Whether a write failed because the disk took no more."""
    return _number(error) is not None


def no_room(error: BaseException, *, where: Path | None = None) -> UserError:
    """What a person is told of an error that `found_no_room` knows."""
    what, fix = NO_ROOM[_number(error) or errno.ENOSPC]
    place = str(getattr(error, "filename", None) or where or "")
    return UserError(what, where=place, fix=f"{fix}; finished steps are kept, the same command goes on")


def denied(error: BaseException) -> UserError | None:
    """What a person is told of a file that the system does not let the harness at; None of any other error."""
    if not isinstance(error, OSError) or error.errno not in DENIED or error.filename is None:
        return None
    what, fix = DENIED[error.errno]
    return UserError(what, where=str(error.filename), fix=f"{fix}; finished steps are kept, the same command goes on")


@contextmanager
def let_in() -> Iterator[None]:
    """Inside, a file that the system does not let the harness at is one message, which names it."""
    try:
        yield
    except OSError as error:
        if (told := denied(error)) is None:
            raise
        raise told from error


def trouble(error: BaseException) -> UserError | None:
    """What a person is told of an error that is the disk's or its owner's; None of any other."""
    return no_room(error) if found_no_room(error) else denied(error)


def _number(error: BaseException | None) -> int | None:
    """An OSError has it, libraries in Rust write it into their words; others raise theirs from one of these."""
    while error is not None:
        for number in NO_ROOM:
            if getattr(error, "errno", None) == number or f"(os error {number})" in str(error):
                return number
        error = error.__cause__ or error.__context__
    return None
