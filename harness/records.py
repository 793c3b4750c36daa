"""What the harness writes to disk: frozen records, one meaning per field."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Split = Literal["train", "validation", "test"]
Verdict = Literal["FINE_TUNE", "PROMPT", "INCONCLUSIVE"]


class Record(BaseModel):
    """Frozen; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Example(Record):
    """One item of a task."""

    id: str
    """Stable id: split-independent, from the row's content and place."""
    split: Split
    """Where it was put."""
    group: str
    """Its cluster; items of one group share a split."""
    input: str
    """What the model reads."""
    reference: str
    """The right answer."""
    slices: dict[str, str] = {}
    """Column to value, of the columns the gates slice by; test items only."""


class Lesson(Record):
    """One row of further data, as it is trained on."""

    id: str
    """From its content; of a task's example the example's."""
    prompt: str
    """What is asked; empty for plain text."""
    answer: str
    """What is learnt: an answer, the better of two, or a whole text."""
    rejected: str = ""
    """The worse of two answers."""


class Prediction(Record):
    """One answer of one arm."""

    example_id: str
    """The item."""
    text: str
    """The answer as generated, special tokens removed."""
    status: Literal["ok", "truncated", "unfinished"]
    """`truncated`: the prompt did not fit the context, nothing was generated; `unfinished`: cut at max_new_tokens."""
    tokens_in: int
    """Prompt tokens."""
    tokens_out: int
    """Generated tokens."""


class Epoch(Record):
    """One epoch of one trial."""

    epoch: int
    """From 1."""
    train_loss: float
    """Mean loss over completion tokens in this epoch, nats."""
    tokens: int
    """Tokens trained on in this epoch."""
    phase: Literal["sft", "preferences"] = "sft"
    """What it learnt from: examples, or pairs of answers, where the loss is that of DPO."""
    validation: dict[str, float]
    """Metrics on generated validation output."""
    validation_loss: float | None = None
    """Mean loss over the tokens of the validation references after this epoch, nats; null where none fits."""
    learning_rate: float | None = None
    """Of its last step."""
    gradient_norm: float | None = None
    """Median over its steps."""
    gradient_norm_max: float | None = None
    """Highest of its steps."""
    margin: float | None = None
    """Of an epoch over pairs: how much more than the rejected answers the chosen ones gained, nats times beta."""
    preferred: float | None = None
    """Of an epoch over pairs: the share whose chosen answer gained more than the rejected one."""
    artifacts: dict[str, str] = Field(default={}, exclude=True, repr=False)
    """Stage to the key of what was trained, answered and scored: `train`, `predict`, `score`."""
    probe: float | None = None
    """Rise of the cross-entropy on general text against the base model, nats a token; null where it was not probed."""
    probe_benchmarks: dict[str, float] = {}
    """Change of accuracy against the base model on a few items of each gated benchmark, which its gate never sees."""
    scores: list[float] = Field(default=[], exclude=True, repr=False)
    """The deciding metric item by item, where the pruner compares items."""


class Trial(Record):
    """One configuration the search tried."""

    number: int
    """From 0."""
    params: dict[str, Any]
    """What was sampled."""
    status: Literal["complete", "pruned", "failed", "running"]
    """`pruned`: not worth another epoch beside other trials, or forgot too much; `failed`: see error."""
    stopped_early: bool = False
    """Complete without all its epochs: so many brought nothing better as `search.early_stopping` allows."""
    epochs: list[Epoch]
    """What was trained."""
    text_tokens: int = Field(default=0, exclude=True)
    """Tokens of the plain text that it read before these epochs."""
    best_epoch: int | None = None
    """The epoch with the best deciding metric on validation; null when none finished."""
    value: float | None = None
    """Its deciding metric."""
    error: str = ""
    """Why it failed."""
    stopped: str = ""
    """Why it was pruned, where it forgot too much; empty where it lagged."""


class PromptTrial(Record):
    """One prompt whose score a search for a better one knows."""

    arm: str
    """`FAMILY/trial_N`, or `FAMILY/VARIANT` where the family lists it."""
    params: dict[str, Any]
    """What was chosen, by the fields of the space that matter to this prompt."""
    value: float
    """Its deciding metric on validation."""
