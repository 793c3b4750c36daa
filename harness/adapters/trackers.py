"""Turn the name of an experiment tracker into whether it can be used here, before anything starts."""

import netrc
import os
from importlib.util import find_spec
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from harness.errors import UserError
from harness.extras import install_command

WANDB = "https://api.wandb.ai"
UNSENT = ("offline", "disabled", "dryrun")
"""Values of WANDB_MODE with which W&B needs no account."""


class Track(NamedTuple):
    """Which run of which trackers a step belongs to; a step's `local["track"]`, for it changes no result."""

    trackers: list[str]
    """As in the spec's `search.report_to`."""
    experiment: str
    """Runs of a search stand together under it."""
    run: str
    """One a trial: `trial-3-9f2c64`; the digits tell trials of one number in different searches apart."""
    epoch: int
    """From 1."""
    step: int = 0
    """The trial's optimiser steps up to the end of this epoch; where it is trained, nobody knows yet."""
    loss: float | None = None
    """On the references of validation after this epoch, nats a token; where it is trained, nobody knows yet."""

    @classmethod
    def of(cls, local: dict[str, Any]) -> "Track | None":
        """What a step's `local` says; None where nothing is tracked."""
        found = local.get("track")
        return cls(**found) if found else None


def checked_tracker(name: str, *, where: str) -> None:
    """Raises `UserError` where the tracker is not installed."""
    if find_spec(name) is None:
        what = f"search.report_to names {name}, which is not installed"
        raise UserError(what, where=where, fix=install_command(name))


def checked_login(name: str, *, where: str) -> None:
    """Raises `UserError` where W&B would ask for a login: the worker has nobody to ask."""
    if name != "wandb" or os.environ.get("WANDB_MODE", "").lower() in UNSENT or _has_key():
        return
    what = "search.report_to names wandb, and there is no login for it on this machine"
    raise UserError(what, where=where, fix="wandb login, or export WANDB_API_KEY=…, or export WANDB_MODE=offline")


def _has_key() -> bool:
    """In the environment, or where `wandb login` puts it."""
    if os.environ.get("WANDB_API_KEY", "").strip():
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", WANDB)).hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
