"""The engine as an lm-eval `LM`: contexts read once, the same numbers as stock HFLM gives.

Tokens, windows of long texts and what is cut from the left are HFLM's own; only the reading is ours.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs, postprocess_generated_text

from harness.adapters.attention import behind, is_plain, shared_beginning
from harness.adapters.batching import worked
from harness.adapters.decoding import greedy
from harness.adapters.language_model import LanguageModel, stop_ids
from harness.adapters.likelihood import ALIKE, Packed, Scored, branches, scored_rows
from harness.errors import UserError

LONGEST = 2048
WIDEST = 256
"""Tokens of continuations that may stand behind a shorter context in one row."""
Request = tuple[Any, list[int], list[int]]
"""Whatever was asked, and the tokens of context and continuation."""
Progress = Callable[[int, int], None]


class EngineLM(HFLM):  # type: ignore[misc]
    """`loglikelihood`, `loglikelihood_rolling` and `generate_until` of a loaded model."""

    def __init__(self, model: LanguageModel, *, progress: Progress, batch_size: int = 16) -> None:
        super().__init__(
            pretrained=model.active,
            tokenizer=model.tokenizer,
            # What it generates itself goes through PEFT, whose learnt tokens stand before padding.
            batch_size=1 if model.virtual_tokens else batch_size,
            max_length=min(model.context, LONGEST),
        )
        self.held, self.progress = model, progress
        self.read = 0
        """Tokens that were read for log-likelihoods so far."""

    def _loglikelihood_tokens(self, requests: list[Request], **kwargs: Any) -> list[tuple[float, bool]]:
        """Log-likelihood of each continuation, nats, and whether it is the greedy one."""
        asked: dict[tuple[int, ...], list[int]] = defaultdict(list)
        cut = [self._cut(context, continuation) for _, context, continuation in requests]
        for place, (context, _) in enumerate(cut):
            asked[tuple(context)].append(place)
        groups = [part for places in asked.values() for part in _parts(places, cut)]
        rows = [Packed(cut[places[0]][0], branches([cut[place][1] for place in places])) for places in groups]
        found: dict[int, Scored] = {}
        for places, scores in zip(groups, self._scored(rows, total=len(requests)), strict=True):
            found.update(zip(places, scores, strict=True))
        return [(found[place].logprob, found[place].greedy) for place in range(len(requests))]

    def _cut(self, context: list[int], continuation: list[int]) -> tuple[list[int], list[int]]:
        """What HFLM reads of a request that is longer than the window: its end, with a token of context at least."""
        self._hold(len(continuation), of="an answer of the benchmark")
        whole = (context + continuation)[-(self.max_length + 1) :]
        return whole[: -len(continuation)], continuation

    def _hold(self, tokens: int, *, of: str) -> None:
        """HFLM asserts the same."""
        if tokens > self.max_length:
            what = f"{of} takes {tokens} tokens, and the model reads at most {self.max_length}"
            raise UserError(what, where="gates.forgetting", fix="name another benchmark")

    def _scored(self, rows: list[Packed], *, total: int) -> list[list[Scored]]:
        beginning = shared_beginning(self.held, [row.context for row in rows])
        rests = [row._replace(context=behind(beginning, row.context)) for row in rows]
        done: list[int] = []

        def read(places: list[int]) -> list[list[Scored]]:
            return scored_rows(self.held, [rests[place] for place in places], beginning)

        def keep(new: dict[int, list[Scored]]) -> None:
            done.extend(map(len, new.values()))
            self.progress(sum(done), total)

        tokens = {place: len(row.context) + row.tail for place, row in enumerate(rests)}
        self.read += sum(tokens.values()) + (len(beginning.ids) if beginning else 0)
        found = worked(read, tokens, base=self.held.base, most=None, alike=ALIKE, keep=keep)
        return [found[place] for place in range(len(rows))]

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """The greedy text of each request up to its stop sequence; sampling is left to HFLM."""
        kinds: dict[str, list[int]] = defaultdict(list)
        for place, request in enumerate(requests):
            kinds[repr(request.args[1])].append(place)
        found: dict[int, str] = {}
        for places in kinds.values():
            some = [requests[place] for place in places]
            settings = normalize_gen_kwargs(some[0].args[1], self.max_gen_toks)
            texts = self._written(some, settings) if self._is_ours(settings) else super().generate_until(some, True)
            found.update(zip(places, texts, strict=True))
            self.progress(len(found), len(requests))
        return [found[place] for place in range(len(requests))]

    def _is_ours(self, settings: dict[str, Any]) -> bool:
        """Whether these settings ask for greedy text, of a model that our loop reads."""
        odd = settings.keys() - {"until", "max_gen_toks", "do_sample", "temperature"}
        return is_plain(self.held) and not settings["do_sample"] and not odd

    def _written(self, requests: list[Any], settings: dict[str, Any]) -> list[str]:
        limit = settings["max_gen_toks"]
        until = handle_stop_sequences(settings["until"], eos=self.tok_decode([self.eot_token_id], False))
        self._hold(limit + 1, of="the longest answer to the benchmark, and a token before it,")
        prompts = [self._prompt(request.args[0], room=limit) for request in requests]
        beginning = shared_beginning(self.held, prompts)
        ends = set(stop_ids(self.held))

        def halted(ids: list[int]) -> bool:
            return ids[-1] in ends or any(stop in self.tok_decode(ids, False) for stop in until)

        def write(places: list[int]) -> list[list[int]]:
            rests = [behind(beginning, prompts[place]) for place in places]
            return greedy(self.held, rests, limit=limit, halt=halted, beginning=beginning)

        tokens = {place: len(prompt) + limit for place, prompt in enumerate(prompts)}
        rows = worked(write, tokens, base=self.held.base, most=None, keep=lambda new: None)
        texts = [self.tok_decode(rows[place]) for place in range(len(prompts))]
        return [postprocess_generated_text(generation=text, stop=until, think_end_token=None) for text in texts]

    def _prompt(self, text: str, *, room: int) -> list[int]:
        """The end of a prompt that leaves `room` tokens of the window; an empty one is what a text begins with."""
        ids: list[int] = self.tok_encode(text)[-(self.max_length - room) :]
        return ids or [self.prefix_token_id]


def _parts(places: list[int], cut: list[tuple[list[int], list[int]]]) -> list[list[int]]:
    """Requests of one context in rows that are not much longer than it: attention grows with a row's square."""
    most = max(WIDEST, len(cut[places[0]][0]))
    parts: list[list[int]] = [[]]
    read = 0
    for place in places:
        read += len(cut[place][1])
        if parts[-1] and read > most:
            parts.append([])
            read = len(cut[place][1])
        parts[-1].append(place)
    return parts
