"""Turn the lists of a prompt search into distinct prompts.

Proposals that differ only in what changes nothing (the seed of no shots, the order of one) are the same prompt: each
prompt has one set of params, which leaves out the fields that do not matter to it.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from harness.prompts import ordered

FIELDS = ("instruction", "system", "decoding", "shots", "choose", "seed", "order", "layout")
"""In an order in which each field's use is known from those before it."""

MANY = 100
"""More shots than this are taken to be shuffled by any order."""

Space = Mapping[str, Sequence[Any]]
"""Every field to its choices, none of them twice."""
Params = dict[str, Any]


def matters(name: str, params: Mapping[str, Any]) -> bool:
    """Whether a field changes the prompt that the fields before it have begun."""
    if name in ("choose", "layout"):
        return bool(params["shots"] > 0)
    if name == "seed":
        return bool(params["shots"] > 0 and params["choose"] == "random")
    return name != "order" or bool(params["shots"] > 1)


def essence(params: Mapping[str, Any]) -> Params:
    """Equal for fields that ask the same: what does not matter is left out, an order is the arrangement it makes."""
    found = {name: choice for name, choice in params.items() if matters(name, params)}
    if "order" in found and params["shots"] <= MANY:
        found["order"] = _arrangement(params["shots"], params["order"])
    return found


def idle_fields(space: Space) -> list[str]:
    """Fields that change no prompt of these choices of `shots`, `choose`, `order` and others."""
    drawn = [{"shots": shots, "choose": choose} for shots in space["shots"] for choose in space["choose"]]
    idle = [name for name in FIELDS if not any(matters(name, params) for params in drawn)]
    shuffled = any(reorders(order, shots=shots) for shots in space["shots"] for order in space["order"])
    return idle if shuffled or "order" in idle else [*idle, "order"]


def reorders(order: int, *, shots: int) -> bool:
    """Whether an order shows so many shots in another sequence than they were chosen in."""
    return order != 0 and (shots > MANY or _arrangement(shots, order) != tuple(range(shots)))


def settled(params: Mapping[str, Any], *, space: Space) -> Params:
    """The one set of params of this prompt."""
    found: Params = {}
    for name in FIELDS:
        if matters(name, found):
            found[name] = params[name]
    if "order" in found:
        made = _arrangement(found["shots"], found["order"])
        found["order"] = _orders(space, shots=found["shots"]).get(made, found["order"])
    return found


def identity(params: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Equal for equal prompts; of settled params."""
    return tuple(params.items())


def space_size(space: Space) -> int:
    """How many distinct prompts there are, each way of decoding counted."""
    ways = sum(len(space["seed"]) if choose == "random" else 1 for choose in space["choose"]) * len(space["layout"])
    worked = [ways * len(_orders(space, shots=shots)) if shots else 1 for shots in space["shots"]]
    return len(space["instruction"]) * len(space["system"]) * len(space["decoding"]) * sum(worked)


def nearest_untried(
    params: Mapping[str, Any],
    *,
    space: Space,
    tried: Collection[tuple[tuple[str, Any], ...]],
    chance: random.Random,
) -> Params | None:
    """The prompt that differs from `params` in the fewest fields and was not tried; None where all were."""
    whole = {name: params.get(name, space[name][0]) for name in FIELDS}
    others = {name: _shuffled([c for c in space[name] if c != whole[name]], chance) for name in FIELDS}
    for count in range(1, len(FIELDS) + 1):
        for names in _shuffled(list(combinations(FIELDS, count)), chance):
            for values in product(*(others[name] for name in names)):
                found = settled({**whole, **dict(zip(names, values, strict=True))}, space=space)
                if identity(found) not in tried:
                    return found
    return None


def _orders(space: Space, *, shots: int) -> dict[tuple[int, ...], int]:
    """Arrangement of so many shots to the first order that makes it; no shot and one shot have one arrangement."""
    found: dict[tuple[int, ...], int] = {}
    for order in space["order"]:
        found.setdefault(_arrangement(shots, order), order)
    return found


def _arrangement(shots: int, order: int) -> tuple[int, ...]:
    return tuple(ordered(range(shots), order=order))


def _shuffled(values: Sequence[Any], chance: random.Random) -> list[Any]:
    return chance.sample(list(values), k=len(values))
