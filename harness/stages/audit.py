"""Turn a data source into what a person should know before spending anything on it."""

from collections import Counter
from collections.abc import Collection, Sequence

from harness.adapters.tables import source_rows
from harness.records import Record
from harness.specs import DataSpec
from harness.stages.data import SELECTING, SliceSize, certified, exact_duplicates, slice_sizes
from harness.stages.met import Benchmarks, fields_of, met_benchmarks
from harness.stages.splitting import split_examples

MOST_NAMED = 4
FEW_TEST, FEW_VALIDATION = 100, 50
"""Below these, only large differences can be seen."""


class Audit(Record):
    """Sizes, copies and imbalance."""

    sizes: dict[str, int]
    """Examples per split."""
    input_characters: float
    """Mean length of an input."""
    reference_characters: float
    """Mean length of an answer."""
    longest_characters: int
    """Of the longest training example, input and answer."""
    dropped: int
    """Rows without input or answer."""
    duplicates: int
    """Inputs that occur in two splits."""
    leaked: int
    """Test items that are copies of training or validation inputs; they are not judged."""
    groups: int
    """Independent sources among the test items that are judged."""
    labels: list[str]
    """Of a label task: those that it lists, or those of the training answers."""
    commonest: str
    """The commonest answer of the training split."""
    commonest_share: float
    """How common it is."""
    slices: dict[str, dict[str, SliceSize]]
    """Sizes of the slices that the gates name, of the test items that are judged."""
    remarks: list[str]
    """What to do about it, one sentence each."""


def audited(
    spec: DataSpec,
    *,
    path: str | None,
    kind: str = "generation",
    labels: list[str] | None = None,
    slices: Sequence[str] = (),
    definitions: Collection[str] = (),
    benchmarks: Benchmarks | None = None,
) -> Audit:
    """Splits the source as a run would and looks at the result; `definitions` are the labels that a task explains.

    Training and validation are searched for items of the gated `benchmarks`.
    """
    splits, dropped = split_examples(source_rows(spec, path=path), spec=spec, labels=labels, slices=slices)
    train, test = splits["train"], splits["test"]
    judged = certified(splits)
    answer, count = Counter(example.reference for example in train).most_common(1)[0]
    found = Audit(
        sizes={name: len(examples) for name, examples in splits.items()},
        input_characters=_mean([len(example.input) for example in train]),
        reference_characters=_mean([len(example.reference) for example in train]),
        longest_characters=max(len(example.input) + len(example.reference) for example in train),
        dropped=dropped,
        duplicates=len(exact_duplicates({str(name): examples for name, examples in splits.items()})),
        leaked=len(test) - len(judged),
        groups=len({example.group for example in judged}),
        labels=labels or sorted({example.reference for example in train}) if kind == "label" else [],
        commonest=answer,
        commonest_share=round(count / len(train), 4),
        slices=slice_sizes(judged, columns=slices),
        remarks=[],
    )
    strange = strange_definitions(definitions, answers={example.reference for example in train})
    learnt = fields_of(example for name in SELECTING for example in splits[name])
    met = [
        f"{each.sentence(name)}: the gate leaves out those of its half"
        for name, each in met_benchmarks(benchmarks or {}, rows=learnt).items()
    ]
    return found.model_copy(update={"remarks": [*_remarks(found, judged=len(judged)), *strange, *met]})


def strange_definitions(definitions: Collection[str], *, answers: Collection[str]) -> list[str]:
    """Where the labels are the answers of the training split, only the data show which definitions explain none."""
    names = sorted(set(definitions) - set(answers))
    if not names:
        return []
    shown = ", ".join(f"“{name[:30]}”" for name in names[:MOST_NAMED]) + (", …" if names[MOST_NAMED:] else "")
    return [f"no training answer is {shown}: what definitions says of it is shown in no prompt; check its spelling"]


def _remarks(audit: Audit, *, judged: int) -> list[str]:
    found = []
    if audit.dropped:
        found.append(
            f"{audit.dropped} rows are left out: they lack an input or an answer, or share a source with the test split"
        )
    if audit.leaked:
        found.append(
            f"{audit.leaked} test items are copies of training or validation inputs (case, space and punctuation "
            "aside): they will not be judged"
        )
    if audit.duplicates:
        found.append(
            f"{audit.duplicates} inputs occur in two splits: remove the copies, or name their source under data.group"
        )
    if audit.groups < judged:
        found.append(
            f"the {judged} test items that are judged come from {audit.groups} sources; the tests count sources"
        )
    if audit.sizes["test"] < FEW_TEST:
        found.append(f"{audit.sizes['test']} test items show only large differences; {FEW_TEST} or more are better")
    if audit.sizes["validation"] < FEW_VALIDATION:
        found.append(f"{audit.sizes['validation']} validation items choose poorly; {FEW_VALIDATION} or more are better")
    if audit.commonest_share > 0.5 and audit.reference_characters < 40:
        found.append(f"{audit.commonest_share:.0%} of the training answers are “{audit.commonest[:30]}”")
    return found


def _mean(values: list[int]) -> float:
    return round(sum(values) / max(1, len(values)), 1)
