"""The protocol of whatever answers prompts, and which module is behind each name."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from harness.errors import UserError
from harness.extras import install_command
from harness.prompts import Message

BACKENDS: dict[str, str] = {
    "transformers": "harness.adapters.generation:transformers_generator",
    "vllm": "harness.adapters.vllm_engine:vllm_generator",
    "openai": "harness.adapters.api:api_generator",
}
"""Engine to the function that makes its generator from an `Answerer`."""

EXTRAS: dict[str, tuple[tuple[str, ...], str]] = {
    "vllm": (("vllm",), "vllm"),
    "openai": (("openai", "tenacity"), "api"),
}
"""Engine to the packages it needs beyond those that are always there, and the extra that installs them."""


class Generated(NamedTuple):
    """One answer."""

    text: str
    status: str
    """`ok`, `truncated` (prompt and answer do not fit the context) or `unfinished` (stopped at the limit)."""
    tokens_in: int
    tokens_out: int


Keep = Callable[[Mapping[int, Generated]], None]
"""Called with answers as they come, by their conversation's place, so that nothing answered is lost."""


class Generator(Protocol):
    """Whatever answers conversations, greedily.

    `known` holds answers from before by their conversation's place; only the others are computed, and the batches are
    those of a run that was stopped after the known ones.
    """

    def answers(
        self, conversations: Sequence[list[Message]], *, max_new_tokens: int, known: Mapping[int, Generated], keep: Keep
    ) -> list[Generated]:
        """One answer a conversation, in their order."""
        ...

    def choices(
        self,
        conversations: Sequence[list[Message]],
        *,
        labels: Sequence[str],
        known: Mapping[int, Generated],
        keep: Keep,
    ) -> list[Generated]:
        """The likeliest of `labels` as the whole answer to each conversation, in their order."""
        ...


Tell = Callable[[str], None]
"""Called with why the work waits, in a few words."""


WARNING = "warning: "
"""Begins what is told of something that does not pass, and that a person should read."""


def untold(text: str) -> None:
    """Nobody listens."""


class Answerer(NamedTuple):
    """Who answers: what a step says of it."""

    engine: str
    """A key of `BACKENDS`."""
    model: dict[str, Any]
    """Its identity: fingerprint, dtype and quantisation of a model, or address and name of one behind an API."""
    local: dict[str, Any]
    """What this machine or the spec adds and does not change answers: paths, limits of an API."""
    adapter: Path | None = None
    """Folder of a PEFT adapter to wear."""
    batch_size: int | None = None
    """Prompts answered together; None: as the memory allows."""
    tell: Tell = untold
    """Hears of a server that does not answer."""


def generator(answerer: Answerer) -> Generator:
    """The generator behind an engine's name; its libraries are imported here and not before."""
    module, name = BACKENDS[answerer.engine].split(":")
    made: Generator = getattr(import_module(module), name)(answerer)
    return made


def checked_engine(engine: str, *, where: str) -> None:
    """Raises `UserError` where the engine's packages are not installed."""
    packages, extra = EXTRAS.get(engine, ((), ""))
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        what = f"the engine {engine} needs the package {missing[0]}, which is not installed"
        raise UserError(what, where=where, fix=install_command(extra))
