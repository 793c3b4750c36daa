"""Turn an experiment into its mistakes about the method of tuning: settings that it does not have, or cannot obey."""

from collections.abc import Iterator

from harness.loading.places import Places, Problem
from harness.loading.words import flow
from harness.methods import METHODS
from harness.specs import ExperimentSpec


def method_problems(experiment: ExperimentSpec, *, places: Places) -> Iterator[Problem]:
    """Each with the place where it was written."""
    yield from _idle_problems(experiment, places)
    search, ships = experiment.search, experiment.gates.ships
    if ships is not None and not METHODS[search.method].merges:
        what = f"gates.ships is about merged weights; {search.method} learns what stands before a prompt, not weights"
        yield places.problem(("gates", "ships"), what, fix="leave ships out, or search.method: lora", key=True)
    if METHODS[search.method].kind == "whole" and experiment.model.trust_remote_code:
        what = f"model.trust_remote_code is true, and what {search.method} trains is saved without that code"
        yield places.problem(("model", "trust_remote_code"), what, fix="search.method: lora, or leave it false")


def _idle_problems(experiment: ExperimentSpec, places: Places) -> Iterator[Problem]:
    """One for each field of the space that the method does not vary: whoever wrote it expected something of it."""
    method, space = experiment.search.method, experiment.search.space
    for name in type(space).model_fields:
        if name in space.model_fields_set and name not in METHODS[method].varies:
            others = [other for other, row in METHODS.items() if name in row.varies]
            what = f"search.space.{name} is {flow(getattr(space, name))}; {method} has nothing of the kind to vary"
            fix = f"leave {name} out, or search.method: {others[0]}"
            yield places.problem(("search", "space", name), what, fix=fix, key=True)
