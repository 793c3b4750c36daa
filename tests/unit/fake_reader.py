"""A generator without a model: it answers a question only where the conversation itself holds the answer."""

import re
from collections.abc import Mapping, Sequence

import pytest

from harness.adapters.generator import BACKENDS, Answerer, Generated, Keep
from harness.prompts import Message

HEARD: list[str] = []
"""The last turn of every conversation since the reader was installed."""


class Reader:
    """Answers “Where does X live?” with the word after “X lives in”; without it with “unknown”."""

    def answers(
        self, conversations: Sequence[list[Message]], *, max_new_tokens: int, known: Mapping[int, Generated], keep: Keep
    ) -> list[Generated]:
        """One answer a conversation."""
        HEARD.extend(turns[-1]["content"] for turns in conversations)
        found = [Generated(read(turns), "ok", 10, 1) for turns in conversations]
        keep(dict(enumerate(found)))
        return found


def read(turns: list[Message]) -> str:
    """What the conversation says of whom its last question is about."""
    who = re.findall(r"Where does (\w+) live\?", turns[-1]["content"])
    said = who and re.search(rf"{who[-1]} lives in (\w+)", "\n".join(turn["content"] for turn in turns))
    return said[1] if said else "unknown"


def reader(answerer: Answerer) -> Reader:
    """As a backend."""
    return Reader()


def installed(patch: pytest.MonkeyPatch) -> list[str]:
    """Put the reader in the place of transformers; returns the list of what it will hear."""
    patch.setitem(BACKENDS, "transformers", "fake_reader:reader")
    HEARD.clear()
    return HEARD
