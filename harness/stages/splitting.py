"""Turn rows into examples in three splits that share no source and no copy of a text."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from harness.errors import UserError
from harness.likeness import normalised
from harness.metrics.answers import plain
from harness.prompts import filled, placeholders
from harness.records import Example, Split
from harness.specs import DataSpec
from harness.stages.rows import Row, Rows, identified

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}
"""Shares of a data set that comes without splits of its own."""
CARVED = 0.15
"""Share of a training split that becomes validation where there is none."""


def split_examples(
    rows: Rows, *, spec: DataSpec, labels: Sequence[str] | None = None, slices: Sequence[str] = ()
) -> tuple[dict[Split, list[Example]], int]:
    """Examples of each split, and how many rows were left out; with `labels`, every reference is one of them.

    `slices` names the columns whose values the examples carry along.
    """
    pools: dict[str, list[Example]] = {}
    dropped = 0
    for name, pool in identified(rows).items():
        made = [_example(row, name=row_id, spec=spec, slices=slices) for row_id, row in pool]
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


def _example(row: Row, *, name: str, spec: DataSpec, slices: Sequence[str]) -> Example | None:
    """What the model reads and should answer; None where a row lacks either."""
    _check_columns(row, spec=spec, slices=slices)
    text, answer = _clean(filled(spec.input, row)), _clean(str(row[spec.reference]))
    absent = any(row[column] is None for column in (spec.reference, *placeholders(spec.input)))
    if absent or not answer or not text:
        return None
    return Example(
        id=name,
        split="train",
        group=_short(_source(row, text=text, spec=spec)),
        input=text,
        reference=spec.rename.get(answer, answer),
        slices={column: _clean(str(row[column])) for column in slices if row[column] is not None},
    )


def _source(row: Row, *, text: str, spec: DataSpec) -> str:
    """What a row comes from; without a column that says so, texts that are alike come from one place."""
    if spec.group is None:
        return f"text:{normalised(text)}"
    if row[spec.group] is None or not str(row[spec.group]).strip():
        what = f"a row has no {spec.group!r}: {text[:60]!r}"
        raise UserError(what, where="data.group", fix="say where every row comes from, or leave data.group out")
    return f"group:{row[spec.group]}"


def _check_columns(row: Row, *, spec: DataSpec, slices: Sequence[str]) -> None:
    asked = [(column, "gates.slices") for column in slices] + [(spec.reference, "data.reference")]
    asked += [(spec.group, "data.group")] if spec.group is not None else []
    asked += [(column, "data.input") for column in placeholders(spec.input)]
    for column, field in asked:
        if column not in row:
            what = f"data has no column {column!r}; it has {', '.join(map(repr, row))}"
            raise UserError(what, where=field, fix="name an existing column")


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
    # By a column, or by the rows of the group: what the template makes of them must not choose the test set.
    ranks = {name: name if spec.group else min(example.id for example in groups[name]) for name in groups}
    order = sorted(groups, key=lambda name: _short(f"{seed}:{ranks[name]}"))
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
