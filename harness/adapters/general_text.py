"""Turn a model into its cross-entropy on general text, which is the same for every model and task."""

from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

from harness.adapters.language_model import LanguageModel

FILE = "general_text.txt"
"""Where the text comes from, and whose it is, stands in its first lines."""
PIECE = 256
"""Longest piece that is read at once, in tokens; of a model made for less, what it was made for."""


class TextLoss(NamedTuple):
    """What one piece of text cost."""

    nats: float
    """Sum over its tokens of what each was not expected by."""
    tokens: int


def passages() -> list[str]:
    """The passages of the text, without the remarks before them."""
    text = files("harness.adapters").joinpath(FILE).read_text("utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return [passage.strip() for passage in kept.split("\n\n") if passage.strip()]


def text_losses(model: LanguageModel) -> list[TextLoss]:
    """One a piece, each read on its own behind the token that a text begins with."""
    from harness.adapters.likelihood import Packed, branches, scored_rows

    pieces = [piece for passage in passages() for piece in _pieces(model, passage)]
    rows = [Packed([_beginning(model)], branches([piece])) for piece in pieces]
    scores = scored_rows(model, rows, None)
    return [TextLoss(-score.logprob, len(piece)) for piece, (score,) in zip(pieces, scores, strict=True)]


def _pieces(model: LanguageModel, passage: str) -> Iterator[list[int]]:
    ids: list[int] = model.tokenizer(passage, add_special_tokens=False)["input_ids"]
    room = min(PIECE, model.context - 1)
    yield from (ids[start : start + room] for start in range(0, len(ids), room))


def _beginning(model: LanguageModel) -> int:
    known = model.tokenizer.bos_token_id
    return int(model.tokenizer.eos_token_id if known is None else known)
