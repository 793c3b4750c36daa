"""Turn examples into chat messages; the same builder serves every arm."""

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from harness.records import Example, Record

Message = dict[str, str]
Item = TypeVar("Item")
INLINE_ANSWER = "\nAnswer: "
"""Before the answer of a worked example that stands in the same message."""


class PromptConfig(Record):
    """One way of asking, with everything filled in but the input."""

    template: str
    """User message; `{input}` stands for the item, `{passages}` for what was retrieved for it."""
    system: str | None = None
    """System message; null leaves the chat template's own."""
    shots: int = 0
    """Worked examples from the training split."""
    choose: Literal["random", "bm25", "embedding"] = "random"
    """How they are chosen: the same for every item, or those most similar to it."""
    seed: int = 0
    """Seed of a random choice of shots."""
    order: int = 0
    """0: as chosen; another number: shuffled with it as seed."""
    layout: Literal["turns", "text"] = "turns"
    """Shots as turns of the conversation, or all in one message."""
    passages: int = 0
    """Passages retrieved from the task's corpus."""
    shot_ids: tuple[str, ...] = ()
    """Ids of training examples, in order, where an optimiser chose the shots."""


def placeholders(template: str) -> list[str]:
    """The names in braces, in their order."""
    return re.findall(r"\{(\w+)\}", template)


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Replace `{name}` once for every known name; braces in the values stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda m: str(values[m[1]]) if m[1] in values else m[0], template)


def chosen_shots(train: Sequence[Example], *, count: int, seed: int, by_label: bool) -> list[Example]:
    """`count` training examples in a seeded order; for label tasks, one label after the other."""
    order = sorted(train, key=lambda example: example.id)
    random.Random(seed).shuffle(order)
    return (_round_robin(order) if by_label else order)[:count]


def ordered(shots: Sequence[Item], *, order: int) -> list[Item]:
    """The shots as they are, or shuffled with the seed `order`."""
    found = list(shots)
    if order:
        random.Random(order).shuffle(found)
    return found


def messages(
    config: PromptConfig,
    *,
    text: str,
    shots: Sequence[Example] = (),
    passages: str = "",
    shot_passages: Sequence[str] = (),
) -> list[Message]:
    """The conversation that asks for one answer; `passages` and `shot_passages` fill `{passages}`."""
    beside = [*shot_passages, *[""] * (len(shots) - len(shot_passages))]
    asked = [
        filled(config.template, {"input": shot.input, "passages": near})
        for shot, near in zip(shots, beside, strict=True)
    ]
    turns = [] if config.system is None else [_turn("system", config.system)]
    question = filled(config.template, {"input": text, "passages": passages})
    if config.layout == "text" and shots:
        worked = [f"{one}{INLINE_ANSWER}{shot.reference}" for one, shot in zip(asked, shots, strict=True)]
        return [*turns, _turn("user", "\n\n".join([*worked, question + INLINE_ANSWER.rstrip(" ")]))]
    for one, shot in zip(asked, shots, strict=True):
        turns += [_turn("user", one), _turn("assistant", shot.reference)]
    return [*turns, _turn("user", question)]


def _turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def _round_robin(examples: Sequence[Example]) -> list[Example]:
    queues: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        queues[example.reference].append(example)
    longest = max(map(len, queues.values()), default=0)
    return [queue[i] for i in range(longest) for queue in queues.values() if i < len(queue)]
