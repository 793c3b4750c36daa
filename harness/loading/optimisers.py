"""Turn a family's optimiser of prompts into its mistakes: a missing extra, too few calls, a taken name."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from harness.extras import install_command
from harness.loading.places import Places, Problem
from harness.loading.words import shown
from harness.specs import BaselineSpec, DspySpec

EXTRA = "dspy"
FEWEST_MIPRO = 40
"""Calls of MIPROv2: a tenth of them is its sample of training examples, of which it shows up to four at once."""


def dspy_problems(spec: DspySpec, *, family: BaselineSpec, places: Places) -> Iterator[Problem]:
    """What would otherwise be found out hours into a run."""
    try:
        version(EXTRA)
    except PackageNotFoundError:
        yield places.problem(("dspy",), "dspy needs an extra that is not installed", fix=install_command("dspy"))
    if spec.optimizer == "miprov2" and spec.calls < FEWEST_MIPRO:
        what = f"dspy.calls is {spec.calls}, too few for miprov2 to try anything; needs at least {FEWEST_MIPRO}"
        yield places.problem(("dspy", "calls"), what, fix="calls: 200")
    taken = f"dspy_{spec.optimizer}"
    for i, variant in enumerate(family.variants):
        if variant.name == taken:
            what = f"variants.{i}.name is {shown(taken)}, the name of the optimiser's own variant"
            yield places.problem(("variants", i, "name"), what, fix=f"name: {taken}_2")
