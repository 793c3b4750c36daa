"""Turn a loaded model into a folder that any tool can serve."""

from pathlib import Path
from typing import Any

from harness.adapters.language_model import PLAIN_TEMPLATE


def save_whole(model: Any, *, tokenizer_of: str, out: Path, trust_remote_code: bool = False) -> None:
    """Weights as safetensors, configuration, and the tokenizer of the folder `tokenizer_of`."""
    from transformers import AutoTokenizer

    model.save_pretrained(str(out))
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of, trust_remote_code=trust_remote_code)
    if tokenizer.chat_template is None:
        # The template the model was trained with; without it another tool would ask in another way.
        tokenizer.chat_template = PLAIN_TEMPLATE
    tokenizer.save_pretrained(str(out))
