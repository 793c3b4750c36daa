"""Turn plain texts into rows of tokens that are all learnt: as many as fit behind each other, each text ended."""

from collections.abc import Sequence
from typing import Any


def packed_texts(texts: Sequence[str], *, tokenizer: Any, longest: int) -> list[dict[str, Any]]:
    """Rows of `input_ids` of `longest` tokens, the last one of what remains; a long text goes on in the next row.

    Behind each text stands the tokenizer's end token. A text can see the end of the one before it in its row, which
    is how causal models are pre-trained (Brown et al. 2020, appendix B).
    """
    ids = [token for text in texts for token in [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]]
    rows = [ids[start : start + longest] for start in range(0, len(ids), longest)]
    return [{"input_ids": row} for row in rows if len(row) > 1]
