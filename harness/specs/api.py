"""What a model behind an OpenAI-compatible API is."""

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from harness.specs.base import Positive, Spec, misfit

EXAMPLE = "https://api.openai.com/v1"
HERE = "http://localhost:8000/v1"
"""Offered where an address cannot be guessed: whoever pastes it sends nothing to anybody."""
CALL = "/chat/completions"
PRIVATE = (".localhost", ".local", ".internal", ".home.arpa")
"""Ends of names that no public name server knows."""


def _bare(url: str) -> str:
    """An address that can be shown in a report; messages about one that cannot do not show it either."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or re.search(r"[^\x21-\x7e]", url):
        # What has neither port nor path may be a key.
        bare = re.fullmatch(r"[\w.-]+(:\d{1,5}(/[\w./-]*)?|/[\w./-]*)|localhost", url)
        what = "is no address; needs http:// or https://, a host, and no blanks"
        raise misfit(what, fix=f"http{'' if ':' in url or url == 'localhost' else 's'}://{url}" if bare else HERE)
    if "@" in parts.netloc or "?" in url or "#" in url:
        plain = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise misfit("holds more than an address; reports show it, so the key goes into key_env", fix=plain)
    if parts.path.rstrip("/").endswith(CALL):
        base = url.rstrip("/").removesuffix(CALL)
        raise misfit("is the address of one kind of request; needs the one that all begin with", fix=base)
    return url


def _variable(name: str) -> str:
    """A variable's name; a key that was put here by mistake is not shown."""
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        what = "is not the name of an environment variable in capitals; the key itself belongs in no file"
        raise misfit(what, fix="null" if name.strip().lower() in ("", "none", "no") else "OPENAI_API_KEY")
    return name


def _public(host: str) -> bool:
    """Whether a host is somewhere in the internet, as far as its name or number tells."""
    name = host.rstrip(".")
    try:
        return ip_address(name).is_global
    except ValueError:
        return "." in name and not name.endswith(PRIVATE)


class ApiSpec(Spec):
    """An endpoint, a model's name there, and what it charges."""

    url: Annotated[str, AfterValidator(_bare)] = Field(examples=[EXAMPLE])
    """Base address, with `/v1` where the server has it; without user name, key or query."""
    model: str = Field(min_length=1, examples=["gpt-4o-mini"])
    """The model's name, as the server knows it."""
    key_env: Annotated[str, AfterValidator(_variable)] | None = "OPENAI_API_KEY"
    """Environment variable that holds the key; null where the server wants none. The key itself is written nowhere."""
    usd_per_million_in: float = Field(default=0.0, ge=0, examples=[0.15])
    """Price of a million prompt tokens, in dollars."""
    usd_per_million_out: float = Field(default=0.0, ge=0, examples=[0.6])
    """Price of a million generated tokens, in dollars."""
    requests_per_minute: Positive | None = Field(default=None, examples=[60])
    """Ask no faster than this, evenly spaced; null: as fast as the server answers."""
    parallel: int = Field(default=4, ge=1)
    """Requests under way at once."""
    timeout_seconds: Positive = 60.0
    """Give up on a request after this long, and try it again."""
    retries: int = Field(default=6, ge=0)
    """How often a request that failed (server down, 429, 5xx, timeout, unreadable) is tried again, with backoff."""

    @property
    def bares_key(self) -> bool:
        """Whether a key is sent through the internet without encryption."""
        parts = urlsplit(self.url)
        return self.key_env is not None and parts.scheme == "http" and _public(parts.hostname or "")

    def dollars(self, *, tokens_in: int, tokens_out: int) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.usd_per_million_in + tokens_out * self.usd_per_million_out) / 1e6
