"""Turn rows into examples in three splits that share no source and no exact copy."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from harness.errors import UserError
from harness.metrics.answers import plain
from harness.prompts import filled
from harness.records import Example, Split
from harness.specs import DataSpec

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}
"""Shares of a data set that comes without splits of its own."""
CARVED = 0.15
"""Share of a training split that becomes validation where there is none."""

Rows = dict[str, list[dict[str, Any]]]
"""Rows by the name of the split they came with; `all` where they came with none."""


def split_examples(
    rows: Rows, *, spec: DataSpec, labels: Sequence[str] | None = None, slices: Sequence[str] = ()
) -> tuple[dict[Split, list[Example]], int]:
    """Examples of each split, and how many rows were left out; with `labels`, every reference is one of them.

    `slices` names the columns whose values the examples carry along.
    """
    pools: dict[str, list[Example]] = {}
    dropped = 0
    for name, pool in rows.items():
        made = [_example(row, place=f"{name}:{number}", spec=spec, slices=slices) for number, row in enumerate(pool)]
        pools[name] = [example for example in made if example is not None]
        dropped += len(made) - len(pools[name])
    splits = _native(pools, spec=spec) if "all" not in pools else _divided(pools["all"], spec=spec)
    for name in SPLITS:
        if not splits[name]:
            raise UserError(
                f"the {name} split is empty", where="data.splits", fix="give it more rows or a smaller share"
            )
    if spec.group is not None and "all" not in pools:
        splits, shared = _without_shared_groups(splits)
        dropped += shared
    return {name: [_labelled(example, labels=labels) for example in splits[name]] for name in SPLITS}, dropped


def _example(row: dict[str, Any], *, place: str, spec: DataSpec, slices: Sequence[str]) -> Example | None:
    if absent_slices := [column for column in slices if column not in row]:
        raise _no_column(absent_slices[0], row, field="gates.slices")
    for field in ("reference", "group"):
        column = getattr(spec, field)
        if column is not None and column not in row:
            raise _no_column(column, row, field=f"data.{field}")
    if unknown := [name for name in re.findall(r"\{(\w+)\}", spec.input) if name not in row]:
        raise _no_column(unknown[0], row, field="data.input")
    text = _clean(filled(spec.input, row))
    answer = row[spec.reference]
    absent = any(row[name] is None for name in re.findall(r"\{(\w+)\}", spec.input))
    if absent or answer is None or not _clean(str(answer)) or not text:
        return None
    reference = spec.rename.get(_clean(str(answer)), _clean(str(answer)))
    group = f"group:{row[spec.group]}" if spec.group else f"text:{text}"
    identity = hashlib.sha256(f"{place}\0{text}\0{reference}".encode()).hexdigest()[:12]
    values = {column: _clean(str(row[column])) for column in slices if row[column] is not None}
    return Example(id=identity, split="train", group=_short(group), input=text, reference=reference, slices=values)


def _without_shared_groups(splits: dict[Split, list[Example]]) -> tuple[dict[Split, list[Example]], int]:
    """A source that the data set itself put into several splits stays only in the one that certifies most."""
    taken: set[str] = set()
    kept: dict[Split, list[Example]] = {}
    for name in ("test", "validation", "train"):
        kept[name] = [example for example in splits[name] if example.group not in taken]
        taken |= {example.group for example in splits[name]}
    return kept, sum(map(len, splits.values())) - sum(map(len, kept.values()))


def _labelled(example: Example, *, labels: Sequence[str] | None) -> Example:
    """The example with its reference spelled as in the label set."""
    if labels is None or example.reference in labels:
        return example
    same = [label for label in labels if plain(label) == plain(example.reference)]
    if not same:
        raise UserError(
            f"the answer {example.reference[:60]!r} is none of the task's labels",
            where="data.reference",
            fix="add it to labels, or map it under data.rename",
        )
    return example.model_copy(update={"reference": same[0]})


def _no_column(column: str, row: dict[str, Any], *, field: str) -> UserError:
    what = f"data has no column {column!r}; it has {', '.join(map(repr, row))}"
    return UserError(what, where=field, fix="name an existing column")


def _divided(examples: Sequence[Example], *, spec: DataSpec) -> dict[Split, list[Example]]:
    """Whole groups into splits, in a seeded order, until each split has its size."""
    groups = _groups(examples, spec=spec)
    sizes = _sizes(sum(map(len, groups)), spec=spec)
    splits: dict[Split, list[Example]] = {name: [] for name in SPLITS}
    for group in groups:
        open_splits: list[Split] = [name for name in ("test", "validation", "train") if len(splits[name]) < sizes[name]]
        if open_splits:
            splits[open_splits[0]] += [example.model_copy(update={"split": open_splits[0]}) for example in group]
    # A group that would overfill a split is cut there; its rest goes nowhere, for it must not cross.
    return {name: splits[name][: sizes[name]] for name in SPLITS}


def _native(pools: dict[str, list[Example]], *, spec: DataSpec) -> dict[Split, list[Example]]:
    """The data set's own splits; validation is carved from train where it has none."""
    if "train" not in pools or "test" not in pools:
        raise UserError(
            f"data comes as {', '.join(sorted(pools))}; a data set with splits needs train and test",
            where="data.source",
            fix="name the files train.* and test.*, or put all rows in one file",
        )
    sizes = spec.splits
    train = [example for group in _groups(pools["train"], spec=spec) for example in group]
    held = pools.get("validation")
    if held is None:
        wanted = sizes.validation or max(1, round(CARVED * len(train)))
        cut = _boundary(train, wanted)
        held, train = train[:cut], train[cut:]
    else:
        held = [example for group in _groups(held, spec=spec) for example in group]
    test = [example for group in _groups(pools["test"], spec=spec) for example in group]
    limited = {"train": train[: sizes.train], "validation": held[: sizes.validation], "test": test[: sizes.test]}
    return {name: [example.model_copy(update={"split": name}) for example in limited[name]] for name in SPLITS}


def _sizes(total: int, *, spec: DataSpec) -> dict[Split, int]:
    asked = {name: getattr(spec.splits, name) for name in SPLITS}
    if sum(size or 0 for size in asked.values()) > total:
        raise UserError(
            f"data.splits asks for {sum(size or 0 for size in asked.values())} examples; there are {total}",
            where="data.splits",
            fix="ask for fewer, or leave train out to take what remains",
        )
    sizes: dict[Split, int] = {name: asked[name] or max(1, round(SHARES[name] * total)) for name in SPLITS}
    if asked["train"] is None:
        sizes["train"] = total
    return sizes


def _groups(examples: Sequence[Example], *, spec: DataSpec) -> list[list[Example]]:
    """Examples by source in a seeded order, each source cut to its first `per_group` examples in that order."""
    seed = spec.splits.seed
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in sorted(examples, key=lambda example: _short(f"{seed}:{example.id}")):
        groups[example.group].append(example)
    order = sorted(groups, key=lambda name: _short(f"{seed}:{name}"))
    return [groups[name][: spec.splits.per_group] for name in order]


def _boundary(examples: Sequence[Example], wanted: int) -> int:
    """The first place at or after `wanted` where no group is cut."""
    cut = wanted
    while 0 < cut < len(examples) and examples[cut].group == examples[cut - 1].group:
        cut += 1
    return cut


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
