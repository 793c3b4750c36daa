"""Keep every answer on disk, so that each distinct (model, conversation, decoding) is computed once."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.adapters.generator import Generated, Generator
from harness.prompts import Message


def kept_answers(
    generator: Generator,
    conversations: Sequence[list[Message]],
    *,
    identity: dict[str, Any],
    labels: Sequence[str] | None,
    max_new_tokens: int,
    folder: Path | None,
    progress: Callable[[int, int], None],
) -> list[Generated]:
    """One answer a conversation, in their order."""
    done: set[int] = set()

    def keep(answers: Mapping[int, Generated]) -> None:
        done.update(answers)
        progress(len(done), len(conversations))

    if labels:
        return generator.choices(conversations, labels=labels, known={}, keep=keep)
    return generator.answers(conversations, max_new_tokens=max_new_tokens, known={}, keep=keep)
