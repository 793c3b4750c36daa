"""Turn an adapter and its base model into one plain model folder that any tool can serve."""

from pathlib import Path
from typing import Any

from harness.adapters.worn_adapter import is_whole
from harness.adapters.writing_models import save_whole


def write_merged(identity: dict[str, Any], *, path: str, adapter: Path, out: Path) -> None:
    """Fold the adapter in the folder `adapter` into the base model in the folder `path`; save all to `out`.

    A whole model needs no folding: it is saved in the precision that the base is held in.
    The base is loaded afresh, on the CPU and not quantised, in the identity's dtype: merging changes weights in
    place, so the model that `language_model` keeps must not be used, and an accelerator's memory is not touched.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    trust = bool(identity.get("trust_remote_code", False))
    dtype = getattr(torch, identity["dtype"])
    weights = str(adapter) if is_whole(adapter) else path
    base = AutoModelForCausalLM.from_pretrained(weights, dtype=dtype, trust_remote_code=trust, use_safetensors=True)
    if not is_whole(adapter):
        tuned = PeftModel.from_pretrained(base, str(adapter))
        _untie(base)
        base = tuned.merge_and_unload()
    save_whole(base, tokenizer_of=path, out=out, trust_remote_code=trust)


def _untie(base: Any) -> None:
    """Give tied embeddings weights of their own where the adapter changes only one end of them."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from torch.nn import Parameter

    ends = [base.get_input_embeddings(), base.get_output_embeddings()]
    if base.config.tie_word_embeddings and any(isinstance(end, BaseTunerLayer) for end in ends):
        head = ends[1].get_base_layer() if isinstance(ends[1], BaseTunerLayer) else ends[1]
        head.weight = Parameter(head.weight.detach().clone(), requires_grad=False)
        base.config.tie_word_embeddings = False
