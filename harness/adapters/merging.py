"""Turn an adapter and its base model into one plain model folder that any tool can serve."""

from pathlib import Path
from typing import Any

from harness.adapters.language_model import PLAIN_TEMPLATE


def write_merged(identity: dict[str, Any], *, path: str, adapter: Path, out: Path) -> None:
    """Fold the LoRA adapter in the folder `adapter` into the base model in the folder `path`; save all to `out`.

    The base is loaded afresh, on the CPU and not quantised, in the identity's dtype: merging changes weights in
    place, so the model that `language_model` keeps must not be used, and an accelerator's memory is not touched.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    trust = bool(identity.get("trust_remote_code", False))
    dtype = getattr(torch, identity["dtype"])
    base = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, trust_remote_code=trust, use_safetensors=True)
    tuned = PeftModel.from_pretrained(base, str(adapter))
    _untie(base)
    tuned.merge_and_unload().save_pretrained(str(out))
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=trust)
    if tokenizer.chat_template is None:
        # The template the adapter was trained with; without it another tool would ask in another way.
        tokenizer.chat_template = PLAIN_TEMPLATE
    tokenizer.save_pretrained(str(out))


def _untie(base: Any) -> None:
    """Give tied embeddings weights of their own where the adapter changes only one end of them."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from torch.nn import Parameter

    ends = [base.get_input_embeddings(), base.get_output_embeddings()]
    if base.config.tie_word_embeddings and any(isinstance(end, BaseTunerLayer) for end in ends):
        head = ends[1].get_base_layer() if isinstance(ends[1], BaseTunerLayer) else ends[1]
        head.weight = Parameter(head.weight.detach().clone(), requires_grad=False)
        base.config.tie_word_embeddings = False
