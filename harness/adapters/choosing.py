"""Turn prompts, as token ids, into the label that is likeliest as the whole answer."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from harness.adapters.generator import Generated
from harness.adapters.language_model import LanguageModel, turn_end


def label_ids(tokenizer: Any, labels: Sequence[str]) -> list[list[int]]:
    """Each label's tokens and the end of the turn: without it “card” would beat “card lost” wherever both fit."""
    end = turn_end(tokenizer)
    ends = [] if end is None else [end]
    return [[*tokenizer(label, add_special_tokens=False)["input_ids"], *ends] for label in labels]


class Chooser:
    """Chooses for batches out of `prompts`, ids by place, whose shared beginning is read once."""

    def __init__(
        self, model: LanguageModel, prompts: Mapping[int, list[int]], *, labels: Sequence[str], ids: list[list[int]]
    ) -> None:
        self.model, self.prompts, self.labels, self.ids = model, prompts, labels, ids

    @cached_property
    def _beginning(self) -> Any:
        from harness.adapters.attention import shared_beginning

        return shared_beginning(self.model, list(self.prompts.values()))

    @cached_property
    def _branches(self) -> Any:
        from harness.adapters.likelihood import branches

        return branches(self.ids)

    def chosen(self, batch: list[int]) -> list[Generated]:
        """The likeliest label to each of the prompts at these places, the first of equals.

        Its tokens in are those read: the prompt once, and the labels behind it, what they begin with in common once.
        """
        from harness.adapters.attention import behind
        from harness.adapters.likelihood import Packed, scored_rows

        rows = [Packed(behind(self._beginning, self.prompts[place]), self._branches) for place in batch]
        found = []
        for place, row, scores in zip(batch, rows, scored_rows(self.model, rows, self._beginning), strict=True):
            best = max(range(len(scores)), key=lambda number: (scores[number].logprob, -number))
            read = len(self.prompts[place]) + row.tail
            found.append(Generated(self.labels[best], "ok", read, 0))
        return found
