"""Turn the lists of a `JudgeRequest` into the arrays that the tests take.

A missing output is wrong: score 0, or a label that never matches.
"""

import numpy as np
from numpy.typing import NDArray

from harness.judge_content import Arm, label_key
from harness.judging import Forgetting, JudgeRequest
from harness.stats.compare import Sample
from harness.stats.corpus import NO_LABEL

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


def sample_of(request: JudgeRequest, *, other: Arm | None) -> Sample:
    """Fine-tuning against the arm `other`, or against a constant where that is None."""
    truth, index = None, {}
    if request.metric == "macro_f1" and request.y is not None:
        index = {key: code for code, key in enumerate(sorted({label_key(label) for label in request.y}))}
        truth = _labels(list(request.y), index=index).astype(np.int64)

    def row(arm: Arm) -> Array:
        return _scores(arm) if truth is None else _labels(arm, index=index)

    return Sample(
        request.metric,
        np.stack([row(arm) for arm in request.ft]),
        None if other is None else row(other),
        truth=truth,
        clusters=None if request.clusters is None else _codes(request.clusters),
        chosen=None if request.scope == "recipe" else request.chosen_seed,
    )


def forgetting_sample(bench: Forgetting) -> Sample:
    """The fine-tuned model against the model before, on one benchmark."""
    clusters = None if bench.clusters is None else _codes(bench.clusters)
    return Sample("binary", _scores(bench.ft)[None, :], _scores(bench.base), clusters=clusters)


def missing_outputs(request: JudgeRequest, *, other: Arm | None) -> int:
    """How many outputs of the arms compared are missing."""
    tuned = request.ft if request.scope == "recipe" else [request.ft[request.chosen_seed]]
    arms = tuned if other is None else [*tuned, other]
    return sum(cell is None for arm in arms for cell in arm)


def _scores(arm: Arm) -> Array:
    return np.array([0.0 if cell is None else float(cell) for cell in arm])


def _labels(arm: Arm, *, index: dict[str, int]) -> Array:
    return np.array([NO_LABEL if cell is None else index[label_key(cell)] for cell in arm], dtype=float)


def _codes(clusters: list[int | str]) -> Codes:
    index: dict[int | str, int] = {}
    return np.array([index.setdefault(cluster, len(index)) for cluster in clusters], dtype=np.int64)
