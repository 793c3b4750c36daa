"""Turn the name of an environment variable into the key that it holds."""

import os

from harness.errors import UserError


def api_key(variable: str | None, *, where: str) -> str:
    """The key, or nothing where none is wanted; raises `UserError` where there should be one and is none."""
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        what = f"the environment variable {variable}, which should hold the key, is not set"
        raise UserError(what, where=where, fix=f"export {variable}=…, or key_env: null where the server wants no key")
    if not (key.isascii() and key.isprintable()):
        what = f"the environment variable {variable} holds what cannot be a key: a line break or a special character"
        raise UserError(what, where=where, fix=f"copy the key into {variable} once more")
    return key
