"""Turn prompts, as token ids, into written answers: by our own loop where the model's attention is known to it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from harness.adapters import library_loop
from harness.adapters.generator import Generated
from harness.adapters.language_model import LanguageModel, stop_ids


class Writer:
    """Answers batches out of `prompts`, ids by place, whose shared beginning is read once."""

    def __init__(self, model: LanguageModel, prompts: Mapping[int, list[int]], *, limit: int) -> None:
        self.model, self.prompts, self.limit = model, prompts, limit
        self.stops = stop_ids(model)

    def written(self, batch: list[int]) -> list[Generated]:
        """Greedy answers to the prompts at these places."""
        from harness.adapters.attention import is_plain

        prompts = [self.prompts[place] for place in batch]
        rows = self._by_loop(prompts) if is_plain(self.model) else self._by_library(prompts)
        return [self._answer(ids, tokens_in=len(prompt)) for ids, prompt in zip(rows, prompts, strict=True)]

    @cached_property
    def _beginning(self) -> Any:
        from harness.adapters.attention import shared_beginning

        return shared_beginning(self.model, list(self.prompts.values()))

    def _by_loop(self, prompts: list[list[int]]) -> list[list[int]]:
        from harness.adapters.attention import behind
        from harness.adapters.decoding import greedy

        rests, ends = [behind(self._beginning, prompt) for prompt in prompts], set(self.stops)
        return greedy(self.model, rests, limit=self.limit, halt=lambda ids: ids[-1] in ends, beginning=self._beginning)

    def _by_library(self, prompts: list[list[int]]) -> list[list[int]]:
        # PEFT puts its learnt tokens before the padding, so each such prompt is read alone.
        parts = [[prompt] for prompt in prompts] if self.model.virtual_tokens else [prompts]
        found = [library_loop.greedy(self.model, part, limit=self.limit, stops=self.stops) for part in parts]
        return [row for rows in found for row in rows]

    def _answer(self, ids: list[int], *, tokens_in: int) -> Generated:
        end = next((place for place, token in enumerate(ids) if token in self.stops), None)
        text = self.model.tokenizer.decode(ids[:end], skip_special_tokens=True).strip()
        return Generated(text, "unfinished" if end is None else "ok", tokens_in, len(ids) if end is None else end + 1)
