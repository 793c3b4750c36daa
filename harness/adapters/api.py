"""Turn conversations into answers of a model behind an OpenAI-compatible API."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.adapters.generator import Answerer, Generated, Keep
from harness.prompts import Message


def api_generator(answerer: Answerer) -> "ApiGenerator":
    """The engine over an endpoint."""
    from openai import OpenAI

    key = os.environ.get(answerer.local["key_env"] or "", "none")
    timeout = answerer.local["timeout_seconds"]
    client = OpenAI(base_url=answerer.model["url"], api_key=key, timeout=timeout, max_retries=answerer.local["retries"])
    return ApiGenerator(client, answerer.model["model"])


@dataclass(frozen=True)
class ApiGenerator:
    """Greedy answers of a model behind an API."""

    client: Any
    model: str

    def answers(
        self, conversations: Sequence[list[Message]], *, max_new_tokens: int, known: Mapping[int, Generated], keep: Keep
    ) -> list[Generated]:
        """One answer a conversation, in their order."""
        found = dict(known)
        for place, turns in enumerate(conversations):
            if place not in found:
                found[place] = self._answer(turns, limit=max_new_tokens)
                keep({place: found[place]})
        return [found[place] for place in range(len(conversations))]

    def choices(
        self,
        conversations: Sequence[list[Message]],
        *,
        labels: Sequence[str],
        known: Mapping[int, Generated],
        keep: Keep,
    ) -> list[Generated]:
        """An API does not tell how likely a label is."""
        raise NotImplementedError

    def _answer(self, turns: list[Message], *, limit: int) -> Generated:
        reply = self.client.chat.completions.create(model=self.model, messages=turns, max_tokens=limit, temperature=0.0)
        choice = reply.choices[0]
        status = "unfinished" if choice.finish_reason == "length" else "ok"
        text = (choice.message.content or "").strip()
        return Generated(text, status, reply.usage.prompt_tokens, reply.usage.completion_tokens)
