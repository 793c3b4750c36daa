"""What a prompt family is: `baselines/NAME.yaml`."""

from typing import Literal

from pydantic import Field, model_validator

from harness.specs.api import ApiSpec
from harness.specs.base import Spec, misfit
from harness.specs.prompt_search import Choice, DspySpec, Layout, PromptSearchSpec

Rule = Literal["majority", "copy", "constant", "nearest"]
Decoding = Literal["generate", "likelihood"]


class VariantSpec(Spec):
    """One configuration of a family."""

    name: str = Field(pattern=r"^[a-z0-9_]+$", examples=["plain"])
    """Short name, unique in its family."""
    rule: Rule | None = None
    """For the trivial family: answer without a model. `majority`: the commonest answer of the training split; `copy`:
    the input; `constant`: always the same; `nearest`: the answer to the most similar other training input (BM25)."""
    answer: str | None = None
    """What `rule: constant` says; null takes the training answer that is most like all the others: of a label task
    the commonest, else the one with the highest token F1 to the others (of a sample of 500 where there are more).
    """
    shots: int = Field(default=0, ge=0)
    """Worked examples from the training split, shown before the question."""
    choose: Choice = "random"
    """How the shots are chosen: `random` takes the same for every item (of a label task one label after the other);
    `bm25` and `embedding` take those most similar to the item."""
    seed: int = Field(default=0, ge=0)
    """Seed of a random choice of shots."""
    order: int = Field(default=0, ge=0)
    """0 leaves the shots as they were chosen, of similar ones the most similar last; another number shuffles them."""
    layout: Layout = "turns"
    """`turns`: each shot is a question and an answer of the conversation; `text`: all stand in one message."""
    passages: int = Field(default=0, ge=0)
    """Passages of the task's corpus that are most similar to the item's input by BM25, the most similar first and
    numbered `[1] …`. They stand where the pattern has `{passages}`, otherwise above the message, under the words
    “Passages that may help:”. Worked examples are shown with their own passages."""
    prompt: Literal["plain", "engineered"] = "plain"
    """`plain`: the task's instruction; `engineered`: the task's hand-written prompt."""
    pattern: str | None = None
    """Instruction pattern that replaces the task's; `{instruction}`, `{labels}`, `{definitions}`, `{input}` and
    `{passages}` are filled in, and lines about labels, which hold no other part, are left out for a task that has
    none."""
    system: str | None = None
    """System message, in which `{instruction}`, `{labels}` and `{definitions}` are filled in; null leaves the chat
    template's own."""


class BaselineSpec(Spec):
    """One prompt family; its champion is chosen on validation."""

    family: str = Field(pattern=r"^[a-z0-9_]+$")
    """The file's name."""
    description: str
    """One sentence for the report."""
    variants: list[VariantSpec] = Field(default_factory=list)
    """What to try."""
    search: PromptSearchSpec | None = None
    """Further variants that Optuna proposes from the scores of those before, on validation."""
    dspy: DspySpec | None = None
    """A variant that an optimiser of DSPy writes, from training and validation examples."""
    decoding: list[Decoding] = Field(default=["generate", "likelihood"], min_length=1)
    """For tasks of kind label, how an answer is taken: `generate` writes it, `likelihood` takes the label that the
    model finds likeliest. Each variant is tried in each way. Tasks of other kinds, and models by API, only generate;
    beside `api`, leave it out."""
    api: ApiSpec | None = None
    """Another model answers, by an OpenAI-compatible API; null asks the experiment's base model."""
    previous: str | None = None
    """An earlier version answers: the folder of a PEFT adapter, or `experiment:NAME` for the winner of that run. A
    plain LoRA of the experiment's base model; test items that a named run was trained or chosen on are not judged."""
    embedding_model: str | None = None
    """Local folder, `package:NAME/path` or hub id of a sentence-transformers model, for `choose: embedding`."""

    @property
    def choices(self) -> set[Choice]:
        """Every way in which this family may choose shots."""
        searched = self.search.space.choose if self.search else []
        return {*searched, *(variant.choose for variant in self.variants)}

    @model_validator(mode="after")
    def _has_something_to_try(self) -> "BaselineSpec":
        if not self.variants and self.search is None and self.dspy is None:
            raise misfit("is missing; needs at least one variant", fix="[{name: plain}]", fields=("variants",))
        return self
