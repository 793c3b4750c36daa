"""Save a model of two random layers, with the sample model's tokenizer less its chat template."""

from pathlib import Path
from typing import Any


def save_tiny_model(folder: Path, *, width: int, context: int, **more: Any) -> None:
    """`width` hidden units; `more` goes into the LlamaConfig."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, set_seed

    from harness.adapters import sample_model

    gguf = sample_model.packaged_file()
    assert gguf is not None
    tokenizer = AutoTokenizer.from_pretrained(str(sample_model.converted(gguf, say=print)))
    tokenizer.chat_template = None
    set_seed(0)
    shape: dict[str, Any] = {"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, **more}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        max_position_embeddings=context,
        eos_token_id=tokenizer.eos_token_id,
        **shape,
    )
    LlamaForCausalLM(config).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    (folder / "chat_template.jinja").unlink(missing_ok=True)
