"""Turn the trials of a search into what each gained, forgot and cost, with the front and the champion marked."""

from collections.abc import Sequence

from harness.objectives import best_epoch, champion, front, point, scored, within
from harness.records import Trial
from harness.report.trade_rows import TradeOff
from harness.specs import SearchSpec


def trade_offs(trials: Sequence[Trial], *, search: SearchSpec) -> list[TradeOff]:
    """A row a scored trial; none where nothing was probed and the metric is the only objective."""
    several = len(search.objectives) > 1
    if not (search.probes or several):
        return []
    best, ahead = champion(trials, search=search), front(trials, objectives=search.objectives) if several else []
    return [
        TradeOff(
            trial=trial.number,
            **point(trial)._asdict(),
            benchmarks=best_epoch(trial).probe_benchmarks,
            front=trial.number in ahead,
            within=within(trial, search=search),
            chosen=best is not None and trial.number == best.number,
        )
        for trial in scored(trials)
    ]
