"""Build what a report shows of the parameters of its searches."""

from typing import Any

from harness.report.search_rows import SearchedParameter, SearchView, TrialPoint

RANKS = [8, 64, 32]
RATES = [1.2e-4, 1.9e-3, 4.1e-4]
DROPOUTS = [0.02, 0.09, 0.05]
SCORES = [0.4311, 0.3105, 0.4522]


def searches() -> list[SearchView]:
    """Of the three scored trials of a sample report, the second pruned, the third chosen; and of four prompts."""
    texts = ["plain", "engineered", "{instruction} Answer in a few words: {input}", "plain"]
    prompts = [point(f"trial_{i}", text, 0.3 + 0.02 * i, chosen=i == 3) for i, text in enumerate(texts)]
    return [
        SearchView(
            search="tuned",
            parameters=[
                parameter("learning_rate", "log", RATES, share=0.62, chance=0.35),
                parameter("rank", "choice", RANKS, share=0.11, chance=0.31),
                parameter("dropout", "linear", DROPOUTS),
            ],
            remark="Share: how much of the spread a parameter accounts for. These are few trials.",
        ),
        SearchView(
            search="optimised",
            parameters=[SearchedParameter(name="instruction", scale="choice", points=prompts)],
            remark="How much each parameter mattered is not computed: 4 scored trials are too few.",
        ),
    ]


def parameter(name: str, scale: Any, values: list[Any], **more: float) -> SearchedParameter:
    """One parameter of the three trials."""
    points = [
        point(str(number), value, score, pruned=number == 1, chosen=number == 2)
        for number, (value, score) in enumerate(zip(values, SCORES, strict=True))
    ]
    return SearchedParameter(name=name, scale=scale, points=points, **more)


def point(trial: str, value: Any, score: float, **more: bool) -> TrialPoint:
    return TrialPoint(trial=trial, value=value, score=score, **more)


def hostile_searches(evil: str) -> list[SearchView]:
    """The same with hostile text wherever there is text."""
    return [
        view.model_copy(
            update={
                "search": view.search if view.search == "tuned" else evil,
                "remark": evil,
                "parameters": [_hostile(one, evil=evil) for one in view.parameters],
            }
        )
        for view in searches()
    ]


def _hostile(one: SearchedParameter, *, evil: str) -> SearchedParameter:
    points = [found.model_copy(update={"trial": evil, "value": evil}) for found in one.points]
    return one.model_copy(update={"name": evil, "scale": "choice", "points": points})
