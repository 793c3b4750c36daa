"""Turn a model and a few items of a benchmark that its gate never sees into one accuracy an item, through lm-eval.

The items are the gate's other half, so a search may look at them. The numbers are those of `item_accuracies`; what
lm-eval's `simple_evaluate` writes down about the machine, which takes longer than the items, is left out.
"""

from pathlib import Path
from typing import Any, NamedTuple

from harness.adapters.forgetting import accuracy_rows, loaded_task, search_half
from harness.adapters.language_model import LanguageModel

FEWSHOT_SEED = 1234
"""As `simple_evaluate` sets it."""
WRITTEN = "generate_until"
"""Benchmarks whose answers are written take minutes for a few items; a probe leaves them out."""


class Slice(NamedTuple):
    """A few items of one benchmark."""

    rows: list[dict[str, Any]]
    """`{"doc": id, "acc": 0 or 1}`."""
    tokens: int
    """Tokens that were read."""


def slice_accuracies(
    model: LanguageModel, *, benchmark: str, file: Path | None, data: Path | None, limit: int
) -> Slice:
    """At most `limit` items by hash; none where the benchmark's answers are written."""
    from lm_eval.evaluator import evaluate

    from harness.adapters.lm_eval_model import EngineLM

    found = loaded_task(benchmark, file=file, data=data)
    chosen = search_half(found.ids, shared=found.shared, limit=limit)
    if found.task.OUTPUT_TYPE == WRITTEN or not chosen:
        return Slice([], 0)
    if found.task.get_config("num_fewshot") is None:
        found.task.set_config(key="num_fewshot", value=0)
    found.task.set_fewshot_seed(seed=FEWSHOT_SEED)
    reader = EngineLM(model, progress=lambda done, total: None)
    loaded = found.manager.load([found.task])
    results = evaluate(lm=reader, task_dict=loaded, samples={found.name: chosen}, bootstrap_iters=0, log_samples=True)
    return Slice(accuracy_rows(results["samples"][found.name], benchmark=benchmark), reader.read)
