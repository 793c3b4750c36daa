"""What a task is: its data, its prompts, how an answer is scored."""

from typing import Literal

from pydantic import Field, field_validator

from harness.specs.base import Spec, misfit


class SplitSpec(Spec):
    """How many examples each split takes; null takes all that remain."""

    train: int | None = Field(default=None, ge=1, examples=[200])
    """Training examples at most."""
    validation: int | None = Field(default=None, ge=1, examples=[80])
    """Validation examples at most; they select prompts, trials and epochs."""
    test: int | None = Field(default=None, ge=1, examples=[240])
    """Test examples at most; they certify and never select."""
    per_group: int | None = Field(default=None, ge=1, examples=[1])
    """Examples at most from one group; 1 makes every test item independent of the others."""
    seed: int = Field(default=0, ge=0)
    """Seed of the split."""


class DataSpec(Spec):
    """Where the examples come from and which columns they use."""

    source: str
    """A file or folder (JSONL, CSV, Parquet), `package:NAME/path/inside/it`, or `hub:OWNER/NAME`."""
    revision: str | None = None
    """Commit of a hub data set; null takes the newest and records it."""
    config: str | None = None
    """Configuration name of a hub data set."""
    input: str = "{input}"
    """Template of the text the model reads; column names in braces."""
    reference: str = "output"
    """Column that holds the right answer."""
    group: str | None = None
    """Column naming the source of an example; one source never spans two splits."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Answers to rename, for example `{"True": "yes"}`."""
    splits: SplitSpec = SplitSpec()
    """Sizes of the splits."""


class CorpusSpec(Spec):
    """Texts from which passages are retrieved into a prompt."""

    source: str
    """A file, or a folder whose files are all read (JSONL, CSV, Parquet), or `package:NAME/path/inside/it`; one row a
    passage."""
    text: str = "{text}"
    """Template of a passage; column names in braces."""


class TaskSpec(Spec):
    """One task: `tasks/NAME/task.yaml`."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    """The folder's name."""
    description: str
    """One sentence for the report."""
    kind: Literal["generation", "label"] = "generation"
    """`label`: the answer is one of a fixed set; anything else counts as wrong."""
    labels: list[str] | None = Field(default=None, min_length=1)
    """The label set; null takes the answers of the training split."""
    definitions: dict[str, str] = Field(default_factory=dict)
    """What labels mean, for `{definitions}` in prompts; those that need no explanation may be left out."""
    data: DataSpec
    """Where the examples come from."""
    instruction: str
    """What to do, in plain words: the zero-shot prompt, and the tuned model's prompt."""
    template: str = "{instruction}\n\n{input}"
    """How instruction and input make one user message."""
    engineered: str = "prompts/engineered.txt"
    """File of the hand-written prompt; `{input}`, `{labels}`, `{definitions}` and `{instruction}` are filled in."""
    corpus: CorpusSpec | None = None
    """What variants with `passages` retrieve from; null: no such variant can be used."""
    metrics: list[str] = Field(min_length=1)
    """Metrics, the deciding one first: a shipped name, `metrics.py:FUNCTION`, or `evaluate:NAME`."""
    max_new_tokens: int = Field(default=64, ge=1)
    """Longest answer, in tokens."""
    license: str
    """Licence of the data, named in the report."""

    @field_validator("template")
    @classmethod
    def _template_holds_input(cls, template: str) -> str:
        if "{input}" not in template:
            raise misfit("lacks {input}", fix='"{instruction}\\n\\n{input}"')
        return template
