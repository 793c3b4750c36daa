"""What the address of a database for Optuna studies may be."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from harness.specs.base import misfit

EXAMPLE = "sqlite:///studies.db"
PASSWORD = "HARNESS_STORAGE_PASSWORD"  # noqa: S105
"""Environment variable that holds the database's password; the password itself is written nowhere."""
_SCHEME = r"[a-z][a-z0-9]*(\+[a-z0-9_]+)?"
_SECRET = re.compile(r"pass|pwd|secret|token", re.IGNORECASE)
_OTHER_NAMES = {"postgres": "postgresql", "psql": "postgresql", "sqlite3": "sqlite"}
"""What people call a kind of database, and what SQLAlchemy calls it."""


def _bare(url: str) -> str:
    """An address that can be shown in a report; messages about one that cannot do not show it either."""
    scheme, _, rest = url.partition("://")
    if not rest and re.fullmatch(r"[\w./-]+", url):
        raise misfit("is no address of a database", fix=f"sqlite:///{url}")
    if scheme in _OTHER_NAMES and not _holds_secret(url):
        raise misfit("names a kind of database that is not known", fix=f"{_OTHER_NAMES[scheme]}://{rest}")
    if not re.fullmatch(_SCHEME, scheme) or re.search(r"[^\x21-\x7e]", url):
        raise misfit("is no address of a database; needs sqlite:///FILE or postgresql://USER@HOST/NAME", fix=EXAMPLE)
    if _holds_secret(url):
        what = f"holds a password; reports show it, so the password goes into the environment variable {PASSWORD}"
        raise misfit(what, fix=_without_secret(url))
    return _file(url) if scheme.startswith("sqlite") else _server(url)


def _file(url: str) -> str:
    scheme, _, path = url.partition("://")
    if not path.startswith("/") or path in ("/", "/:memory:"):
        raise misfit("names no file, so nothing would be kept; needs three strokes and a path", fix=EXAMPLE)
    if "?" in path or "#" in path:
        raise misfit("holds more than a path", fix=f"{scheme}://{re.split('[?#]', path)[0]}")
    return url


def _server(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not parts.path.strip("/"):
        example = f"{url.partition('://')[0]}://USER@HOST/NAME"
        raise misfit("is no address of a database; needs a host and the database's name", fix=example)
    return url


def _holds_secret(url: str) -> bool:
    """Whether a password stands before the host or among the options."""
    authority, _, options = url.partition("://")[2].partition("?")
    user = authority.rpartition("@")[0]
    return ":" in user or bool(_SECRET.search(options))


def _without_secret(url: str) -> str:
    scheme, _, rest = url.partition("://")
    authority = rest.partition("?")[0]
    user, at, place = authority.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{place}"


StorageUrl = Annotated[str, AfterValidator(_bare)]
"""Of a kind that SQLAlchemy knows; a relative path of SQLite starts at the workspace."""
