"""Turn the trials of a search into what each parameter did to the validation score."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harness.adapters.importances import DRAWS, Importance, importances, is_number
from harness.plan import Plan
from harness.records import Trial
from harness.report.search_rows import SearchedParameter, SearchView, TrialPoint
from harness.report.views import trial_arm
from harness.wording import counted

FEWEST = 8
"""Scored trials below which no importance is shown: luck alone then gives any parameter most of the spread."""
MANY = 30
"""From here on nobody has to be told that the trials are few."""
MOST_CHOICES = 8
"""Different numbers up to which a parameter is a choice, where trials share them."""
DERIVED = ("alpha",)
"""What follows from other parameters: alpha is rank times alpha_over_rank."""


class _Scored(NamedTuple):
    """One trial with a score."""

    name: str
    params: Mapping[str, Any]
    score: float
    pruned: bool
    chosen: bool


def search_views(finished: Plan, *, logarithmic: Collection[str]) -> list[SearchView]:
    """One of the search for an adapter and one of each search for a prompt, where a parameter varied.

    `logarithmic` names the adapter's parameters that are searched on a log scale.
    """
    searches = {"tuned": _of_trials(finished.trials, chosen=finished.champions.get("tuned"))}
    for family, search in finished.prompt_searches.items():
        best = finished.champions.get(family)
        searches[family] = [
            _Scored(known.arm.partition("/")[2], known.params, known.value, pruned=False, chosen=known.arm == best)
            for known in search.known
        ]
    views = (search_view(name, scored, logarithmic=logarithmic) for name, scored in searches.items())
    return [view for view in views if view.parameters]


def _of_trials(trials: Sequence[Trial], *, chosen: str | None) -> list[_Scored]:
    return [
        _Scored(str(one.number), one.params, one.value, one.status == "pruned", trial_arm(one) == chosen)
        for one in trials
        if one.value is not None and one.status != "failed"
    ]


def search_view(search: str, scored: Sequence[_Scored], *, logarithmic: Collection[str]) -> SearchView:
    """The parameters that varied, the most important first."""
    columns = dict(_varied(scored))
    weights = _weights(columns, scored=scored, logarithmic=logarithmic)
    rows = [
        SearchedParameter(
            name=name,
            scale=_scale(list(column.values()), log=name in logarithmic),
            points=[_point(scored[place], value=value) for place, value in column.items()],
            **(weights[name]._asdict() if name in weights else {}),
        )
        for name, column in columns.items()
    ]
    ordered = sorted(rows, key=lambda row: -(row.share or 0.0))
    return SearchView(search=search, parameters=ordered, remark=_remark(len(scored), shown=bool(weights)))


def _varied(scored: Sequence[_Scored]) -> Iterator[tuple[str, dict[int, Any]]]:
    """Name and, by the place of each trial that has it, value."""
    for name in dict.fromkeys(name for one in scored for name in one.params):
        column = {place: one.params[name] for place, one in enumerate(scored) if name in one.params}
        if name not in DERIVED and len(set(map(repr, column.values()))) > 1:
            yield name, column


def _weights(
    columns: Mapping[str, Mapping[int, Any]], *, scored: Sequence[_Scored], logarithmic: Collection[str]
) -> dict[str, Importance]:
    """Of the parameters that every trial has; none where the trials are too few."""
    if len(scored) < FEWEST:
        return {}
    everywhere = {name: column for name, column in columns.items() if len(column) == len(scored)}
    rows = [{name: column[place] for name, column in everywhere.items()} for place in range(len(scored))]
    return importances(rows, scores=[one.score for one in scored], logarithmic=logarithmic)


def _scale(values: Sequence[Any], *, log: bool) -> Any:
    if not all(map(is_number, values)):
        return "choice"
    different = len(set(values))
    if different <= MOST_CHOICES and (different < len(values) or all(isinstance(value, int) for value in values)):
        return "choice"
    return "log" if log else "linear"


def _point(one: _Scored, *, value: Any) -> TrialPoint:
    shown = value if value is None or isinstance(value, bool | int | float | str) else str(value)
    return TrialPoint(trial=one.name, value=shown, score=one.score, pruned=one.pruned, chosen=one.chosen)


def _remark(trials: int, *, shown: bool) -> str:
    told = counted(trials, "scored trial")
    if trials < FEWEST:
        return f"How much each parameter mattered is not computed: {told}, and fewer than {FEWEST} cannot tell."
    if not shown:
        return f"How much each parameter mattered is not computed: all {told} have the same score."
    few = "" if trials >= MANY else " These are few trials: a share above chance is a hint, no proof."
    return (
        f"Share: how much of the spread of validation scores a parameter accounts for on its own (fANOVA, {told}); "
        f"by chance: the most that it gets when the scores are dealt out at random, {DRAWS} times.{few}"
    )
