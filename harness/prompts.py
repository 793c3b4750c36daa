"""Turn examples into chat messages; the same builder serves every arm."""

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from harness.records import Example, Record

Message = dict[str, str]


class PromptConfig(Record):
    """One way of asking, with everything filled in but the input."""

    template: str
    """User message; `{input}` stands for the item."""
    system: str | None = None
    """System message; null leaves the chat template's own."""
    shots: int = 0
    """Worked examples from the training split."""
    seed: int = 0
    """Seed of the choice of shots."""


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


def messages(config: PromptConfig, *, text: str, shots: Sequence[Example] = ()) -> list[Message]:
    """The conversation that asks for one answer."""
    turns = [] if config.system is None else [_turn("system", config.system)]
    for shot in shots:
        turns += [_turn("user", filled(config.template, {"input": shot.input})), _turn("assistant", shot.reference)]
    return [*turns, _turn("user", filled(config.template, {"input": text}))]


def _turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def _round_robin(examples: Sequence[Example]) -> list[Example]:
    queues: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        queues[example.reference].append(example)
    longest = max(map(len, queues.values()), default=0)
    return [queue[i] for i in range(longest) for queue in queues.values() if i < len(queue)]
