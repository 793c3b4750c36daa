"""What the rules look at, and what they find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pydantic import Field

from harness.records import Epoch, Record

Rule = Literal[
    "divergence",
    "mode_collapse",
    "format",
    "overfitting",
    "underfitting",
    "minority_class",
    "too_little_data",
    "forgetting",
    "label_noise",
]


class Suspect(Record):
    """A training example that a person should look at."""

    id: str
    """The example."""
    loss: float
    """Its loss, nats a token: the mean of the epochs that were looked at."""
    input: str = ""
    """What the model reads."""
    reference: str = ""
    """The answer that may be wrong."""


class Finding(Record):
    """One illness of one trial."""

    rule: Rule
    """Which."""
    epoch: int | None = None
    """From which epoch it shows; null where it is no matter of epochs."""
    evidence: str
    """What was measured, in one sentence with the numbers."""
    remedy: str
    """What usually helps."""
    change: str = ""
    """The same as a line of a spec, where there is one."""
    suspects: list[Suspect] = Field(default_factory=list)
    """Training examples to look at, the worst first; of `label_noise` alone."""


class Reply(NamedTuple):
    """One answer to a validation item."""

    text: str
    finished: bool = True
    """Ended by itself, not by max_new_tokens."""
    fits: bool = True
    """Prompt and answer fitted the context, so that there is an answer."""
    label: str | None = None
    """The label it gives; None where it names none, or where the task has none."""


@dataclass(frozen=True)
class Asked:
    """What the validation items want."""

    references: Sequence[str] = ()
    """One an item, in the order of the replies."""
    labels: Sequence[str] = ()
    """Every label of a label task; empty for others."""
    template: str = ""
    """What is asked, `{input}` standing for the item."""
    max_new_tokens: int | None = None


class Base(NamedTuple):
    """The base model with the same prompt, on the same items."""

    score: float
    replies: Sequence[Reply]


@dataclass(frozen=True)
class Facts:
    """What is known of one trial: from training, validation and probes, nothing from the test set or a gate's items."""

    metric: str
    params: Mapping[str, Any]
    epochs: Sequence[Epoch] = ()
    """Of the task: of pairs of answers the loss is of another kind."""
    best_epoch: int | None = None
    """Among these; None where none of them is kept."""
    ended: Literal["complete", "stopped", "pruned", "failed", "running"] = "complete"
    """`stopped`: early, by its own scores."""
    error: str = ""
    steps: Sequence[Sequence[float]] = ()
    """Training loss of each step, epoch by epoch."""
    examples: int = 0
    """Training examples that taught something."""
    asked: Asked = field(default_factory=Asked)
    replies: Sequence[Reply] = ()
    """At the best epoch."""
    base: Base | None = None
    losses: Sequence[Sequence[tuple[str, float]]] = ()
    """(id, loss) of each training example in the order of training, epoch by epoch."""
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Training example to its input and reference."""
    probe: float | None = None
    """Rise of the cross-entropy on general text against the base model at the epoch that is kept, nats a token."""
    probe_benchmarks: Mapping[str, float] = field(default_factory=dict)
    """Change of accuracy there on the probe's items of each gated benchmark."""

    @property
    def rate(self) -> float:
        """Its learning rate."""
        return float(self.params["learning_rate"])


def rates(low: float, high: float) -> str:
    """A range of learning rates as a line of the spec, at two digits."""
    return f"search.space.learning_rate: [{low:.2g}, {high:.2g}]"


def percent(share: float) -> str:
    """0.224 as `22 %`."""
    return f"{100 * share:.0f} %"
