"""Turn an epoch's adapter into what it forgot against the base model, by the probe that search may see."""

from dataclasses import dataclass, field

from harness.plan.answering import quantization
from harness.plan.desk import Desk
from harness.plan.setup import Setup
from harness.steps import Step
from harness.store import Artifact


@dataclass(frozen=True)
class Probe:
    """What an adapter forgot."""

    rise: float | None = None
    """Of the cross-entropy on general text, nats a token; null where nothing asks for it."""
    benchmarks: dict[str, float] = field(default_factory=dict)
    """Change of accuracy on a slice of each gated benchmark."""
    error: str = ""
    """Why the adapter cannot be probed."""


def probed(setup: Setup, desk: Desk, *, adapter: Artifact, title: str) -> Probe | None:
    """The probe of an adapter against that of the base model; None while one is missing."""
    if not setup.resolved.experiment.search.probes:
        return Probe()
    base = desk.want(probe_step(setup, adapter=None, title="probe the base model"))
    tuned = desk.want(probe_step(setup, adapter=adapter.key, title=f"probe {title}"))
    if tuned is None or base is None:
        return None
    if tuned.status == "failed":
        return Probe(error=tuned.error)
    before, after = base.summary["benchmarks"], tuned.summary["benchmarks"]
    return Probe(
        rise=round(tuned.summary["cross_entropy"] - base.summary["cross_entropy"], 6),
        benchmarks={name: round(after[name]["acc"] - row["acc"], 6) for name, row in before.items()},
    )


def probe_step(setup: Setup, *, adapter: str | None, title: str) -> Step:
    """General text, and a few items of each gated benchmark from the half that its gate never sees.

    The base is held as it is in training: what quantising it forgets is no trial's doing.
    """
    limits = setup.resolved.experiment.search.forgets
    gated = [gate.benchmark for gate in setup.resolved.experiment.gates.forgetting] if limits.items else []
    known = {name: setup.benchmarks[name] for name in gated}
    inputs = {
        "model": setup.model.identity(quantization=quantization(setup)),
        "benchmarks": {name: bench.identity for name, bench in known.items()},
        "half": "search",
        "items": limits.items if known else 0,
    }
    places = {name: {"file": bench.file, "data": bench.data} for name, bench in known.items()}
    return Step(
        "probe",
        inputs,
        needs={"adapter": adapter} if adapter else {},
        local={**setup.model_place, "benchmarks": places},
        title=title,
        optional=adapter is not None,
    )
