"""Every way of tuning, a row each: what a search varies, and what the method can and cannot do.

A new method is a row here with its name, and its PEFT configuration in `harness/adapters/methods.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MethodName = Literal["lora", "qlora", "dora", "rslora", "full", "prefix", "prompt", "ia3"]
"""What `search.method` may be."""
LORA = ("rank", "learning_rate", "epochs", "alpha_over_rank", "dropout", "target_modules")
"""Fields of `search.space` that methods with two thin matrices a module vary; samplers draw them in this order."""
BEGINNING = ("virtual_tokens", "learning_rate", "epochs")
PLAIN = ("learning_rate", "epochs")


@dataclass(frozen=True)
class Method:
    """One way of tuning."""

    ships: str
    """What is served in the end, continuing “What ships: ”."""
    varies: tuple[str, ...]
    """Fields of `search.space`."""
    learning_rate: tuple[float, float]
    """Lowest and highest where the spec names none."""
    kind: Literal["adapter", "beginning", "whole"] = "adapter"
    """`adapter`: weights beside those of the base; `beginning`: learnt tokens before every prompt; `whole`: a model."""
    quantization: Literal["nf4"] | None = None
    """How the base is held."""
    vllm: bool = False
    """Whether vLLM serves it."""

    @property
    def merges(self) -> bool:
        """Whether it can be folded into one plain model; what stands before a prompt cannot."""
        return self.kind != "beginning"

    @property
    def packs(self) -> bool:
        """Whether examples may lie behind each other in one row; each needs the learnt tokens before it."""
        return self.kind != "beginning"


METHODS: Mapping[MethodName, Method] = {
    "lora": Method("a LoRA adapter beside the base model", LORA, (1e-5, 2e-3), vllm=True),
    "qlora": Method("a LoRA adapter beside the base model in 4 bits", LORA, (1e-5, 2e-3), quantization="nf4"),
    "dora": Method("a DoRA adapter beside the base model", LORA, (1e-5, 2e-3)),
    # Its scale is alpha over the root of the rank, some times that of LoRA, so smaller steps go as far.
    "rslora": Method("a rank-stabilised LoRA adapter beside the base model", LORA, (5e-6, 5e-4), vllm=True),
    "full": Method("a model of its own, all weights trained", PLAIN, (2e-6, 2e-4), kind="whole"),
    "prefix": Method(
        "learnt keys and values before every prompt, beside the base model", BEGINNING, (1e-4, 3e-2), kind="beginning"
    ),
    "prompt": Method(
        "learnt embeddings before every prompt, beside the base model", BEGINNING, (1e-4, 3e-2), kind="beginning"
    ),
    "ia3": Method("learnt scales of keys, values and activations, beside the base model", PLAIN, (5e-4, 3e-2)),
}


def trained_params(method: MethodName) -> list[str]:
    """Names of what a trial's training takes: alpha is spelled out, whatever the rank."""
    return ["alpha" if name == "alpha_over_rank" else name for name in METHODS[method].varies]
