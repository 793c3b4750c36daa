"""Turn conversations into greedy answers or likeliest labels through transformers.

Sorted by length, the shared beginning read once, as many together as the memory holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError

from harness.adapters.batching import Work, worked
from harness.adapters.generator import Answerer, Generated, Keep
from harness.adapters.language_model import LanguageModel, language_model
from harness.errors import UserError
from harness.prompts import Message


def transformers_generator(answerer: Answerer) -> "TransformersGenerator":
    """The engine over a model that this process loads once."""
    path = answerer.local["model_path"]
    model = language_model(answerer.model, path=path, adapter=answerer.adapter)
    return TransformersGenerator(model, batch_size=answerer.batch_size)


@dataclass(frozen=True)
class TransformersGenerator:
    """Answers of a loaded model.

    In bf16 the make-up of a batch can change a token. The same conversations make the same batches on the same machine,
    and what is left of them after a kill makes the batches that were left; answers from another experiment do not.
    """

    model: LanguageModel
    batch_size: int | None = None
    """Prompts together; None: as many as the memory holds."""

    def answers(
        self, conversations: Sequence[list[Message]], *, max_new_tokens: int, known: Mapping[int, Generated], keep: Keep
    ) -> list[Generated]:
        """One greedy answer a conversation, in their order."""
        from harness.adapters.writing import Writer

        prompts = token_ids(self.model.tokenizer, conversations)
        writer = Writer(self.model, self._fitting(prompts, room=max_new_tokens), limit=max_new_tokens)
        room = max_new_tokens
        return self._filled(prompts, room=room, read=room, alike=0.0, known=known, keep=keep, work=writer.written)

    def choices(
        self,
        conversations: Sequence[list[Message]],
        *,
        labels: Sequence[str],
        known: Mapping[int, Generated],
        keep: Keep,
    ) -> list[Generated]:
        """The label that is likeliest as the whole answer to each conversation, in their order."""
        from harness.adapters.choosing import Chooser, label_ids
        from harness.adapters.likelihood import ALIKE, branches

        prompts, ids = token_ids(self.model.tokenizer, conversations), label_ids(self.model.tokenizer, labels)
        room, read = max(map(len, ids)), len(branches(ids).tokens)
        chooser = Chooser(self.model, self._fitting(prompts, room=room), labels=labels, ids=ids)
        return self._filled(prompts, room=room, read=read, alike=ALIKE, known=known, keep=keep, work=chooser.chosen)

    def _fitting(self, prompts: Sequence[list[int]], *, room: int) -> dict[int, list[int]]:
        """Prompts that fit the context with `room` more tokens, by their place."""
        return {place: ids for place, ids in enumerate(prompts) if len(ids) + room <= self.model.context}

    def _filled(
        self,
        prompts: Sequence[list[int]],
        *,
        room: int,
        read: int,
        alike: float,
        known: Mapping[int, Generated],
        keep: Keep,
        work: Work[Generated],
    ) -> list[Generated]:
        """`known`, what does not fit the context with `room` more tokens, and the rest from `work`, batch by batch.

        `read` is how many tokens it takes to hold besides the prompt; for `alike` see `worked`.
        """
        fitting = self._fitting(prompts, room=room)
        long = {
            place: Generated("", "truncated", len(ids), 0)
            for place, ids in enumerate(prompts)
            if place not in fitting and place not in known
        }
        keep(long)
        tokens = {place: len(ids) + read for place, ids in fitting.items() if place not in known}
        new = worked(work, tokens, base=self.model.base, most=self.batch_size, alike=alike, keep=keep)
        answers = {**known, **long, **new}
        return [answers[place] for place in range(len(prompts))]


def token_ids(tokenizer: Any, conversations: Sequence[list[Message]]) -> list[list[int]]:
    """Each conversation in the model's chat template, up to where its answer begins."""
    texts = [_text(tokenizer, turns) for turns in conversations]
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def _text(tokenizer: Any, turns: list[Message]) -> str:
    try:
        text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise UserError(
            f"the model's chat template refuses a conversation of {', '.join(turn['role'] for turn in turns)}: {error}",
            where="baselines",
            fix="leave `system` out of the family's variants, or leave the family out",
        ) from error
    return text
