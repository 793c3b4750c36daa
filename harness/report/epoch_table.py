"""Turn the epochs of a report into the cells of one table, the same for every renderer."""

from typing import NamedTuple

from harness.records import Epoch
from harness.report import formats
from harness.report.document import Report

CLOCKED = "epochs"
"""Where `timing` holds speed and memory by trial and epoch: what the clock measured stands apart."""
GIB = 2**30


class EpochRow(NamedTuple):
    """One epoch of one trial."""

    trial: int
    epoch: int
    kept: bool
    """The epoch that is kept of its trial."""
    cells: list[str]


class EpochTable(NamedTuple):
    """Every epoch, or those of one trial."""

    heads: list[str]
    """Above the cells; only what was measured somewhere."""
    rows: list[EpochRow]


def epoch_table(report: Report, *, only: int | None = None) -> EpochTable:
    """Epochs of all trials, or `only` of one."""
    trials = [trial for trial in report.trials if only in (None, trial.number)]
    found = [(trial, epoch, _cells(report, trial.number, epoch)) for trial in trials for epoch in trial.epochs]
    heads = dict.fromkeys(head for *_, cells in found for head in cells)
    measured = [head for head in heads if any(cells[head] != formats.NOTHING for *_, cells in found)]
    rows = [
        EpochRow(trial.number, epoch.epoch, epoch.epoch == trial.best_epoch, [cells[head] for head in measured])
        for trial, epoch, cells in found
    ]
    return EpochTable(measured, rows)


def _cells(report: Report, trial: int, epoch: Epoch) -> dict[str, str]:
    clock = report.timing.get(CLOCKED, {}).get(str(trial), {}).get(str(epoch.epoch), {})
    return {
        report.metric: formats.points(epoch.validation.get(report.metric)),
        "train loss": formats.loss(epoch.train_loss) + (" (DPO)" if epoch.phase == "preferences" else ""),
        "validation loss": _optional(epoch.validation_loss),
        "DPO margin": formats.plain(epoch.margin),
        "preferred pairs": formats.plain(epoch.preferred),
        "last rate": formats.plain(epoch.learning_rate),
        "gradient norm": formats.plain(epoch.gradient_norm),
        "highest": formats.plain(epoch.gradient_norm_max),
        "tokens/s": formats.plain(clock.get("tokens_per_second")),
        "peak GiB": formats.plain(clock["peak_bytes"] / GIB) if clock.get("peak_bytes") else formats.NOTHING,
    }


def _optional(loss: float | None) -> str:
    return formats.NOTHING if loss is None else formats.loss(loss)
