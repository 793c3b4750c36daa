"""What an experiment is: one YAML file a person can write from memory."""

from typing import Any, Literal

from pydantic import Field, model_validator

from harness.specs.base import Spec
from harness.specs.gates import GatesSpec
from harness.specs.search import Count, SearchSpec


class ModelSpec(Spec):
    """Which base model, exactly."""

    name: str = "sample"
    """`sample` (SmolLM2-135M-Instruct), a local folder, or a hub id such as `OWNER/NAME`."""
    revision: str | None = None
    """Commit, tag or branch of a hub model; resolved to a commit and recorded."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Weights' precision; `auto` takes bfloat16."""
    engine: Literal["transformers", "vllm"] = "transformers"
    """What computes the answers; `vllm` is an optional extra and needs a GPU."""
    answer_batch_size: Count | None = None
    """Prompts answered together, the same for all arms; null fits it to the memory. In bf16 it can change a token."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Leave off unless you have read it."""


class ReportSpec(Spec):
    """What the report shows."""

    examples: int = Field(default=12, ge=0)
    """Test items shown side by side with every arm's answer."""


class ExperimentSpec(Spec):
    """One experiment: `experiments/NAME.yaml`; the file's name is the experiment's."""

    task: str
    """Name of a folder in tasks/."""
    model: ModelSpec = ModelSpec()
    """The base model."""
    baselines: list[str] = Field(
        default=["trivial", "zero_shot", "few_shot", "few_shot_retrieved", "engineered", "optimised"], min_length=1
    )
    """Prompt families, files in baselines/."""
    search: SearchSpec = SearchSpec()
    """The tuning arm."""
    gates: GatesSpec = GatesSpec()
    """What must be proven."""
    report: ReportSpec = ReportSpec()
    """How much the report shows."""
    data: dict[str, Any] = Field(default_factory=dict)
    """Fields of the task's `data` to replace, for example `source` or `splits`."""

    @model_validator(mode="before")
    @classmethod
    def _short_model(cls, value: Any) -> Any:
        if not isinstance(value, dict) or isinstance(value.get("model"), (dict, ModelSpec, type(None))):
            return value
        return {**value, "model": {"name": value["model"]}}
