"""Turn an experiment into expected seconds and bytes, before anything heavy runs; sharpen it while steps finish."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.asks import TEMPLATE_TOKENS, Ask, FamilyAsks, OptimiserAsks, Sizes, tokens
from harness.family_asks import epochs, tuned_ask
from harness.loading import Resolved
from harness.plan import Plan
from harness.rented import Rented, rented_models
from harness.steps import Step
from harness.store import Artifact

REFERENCE_BYTES = 270e6
"""Weights of the sample model in bf16, on which the rates below were measured (2 cores)."""
TOKENS_PER_SECOND = 1_000.0
"""Reading; one generated token costs as much as six read ones in a batch, one trained token as much as four."""
GENERATED, TRAINED = 6.0, 4.0
SINGLE = 4.0
"""What a request costs alone, against one in a batch."""
BENCHMARK_ITEMS, BENCHMARK_TOKENS = 750, 80
PROBE_TOKENS = 1_700
"""Of the general text that a probe reads."""
RUNTIME_BYTES = 1.2e9
"""Interpreter and libraries."""
ACTIVATION_BYTES_PER_TOKEN = 4.5e6
"""Activations and logits of a trained token, at the sample model's size."""


@dataclass(frozen=True)
class Work:
    """Steps of one kind."""

    kind: str
    """optimise, prompt, api, train, tuned, probe, test, latency or forgetting."""
    title: str
    count: int
    """How many steps, at most."""
    seconds: float
    """Expected seconds for one of them."""


def planned_sizes(current: Plan) -> Sizes:
    """Sizes once the data step is done."""
    assert current.data is not None
    sizes, characters = current.data.summary["sizes"], current.data.summary["characters"]
    test = current.data.summary["judged"]["items"]
    known = (sizes["train"], sizes["validation"], test, characters["input"], characters["reference"])
    return Sizes(*known, labels=tuple(current.labels))


def expected_work(resolved: Resolved, *, asked: Sequence[FamilyAsks], sizes: Sizes, weight_bytes: int) -> list[Work]:
    """The whole experiment, kind by kind, at the measured reference rates scaled by the model's size.

    What a model behind an API answers takes no time of this machine: it stands in a row of its own.
    """
    gates = resolved.experiment.gates
    speed = TOKENS_PER_SECOND * REFERENCE_BYTES / max(weight_bytes, 1)
    own = [asks for asks in asked if asks.family.api is None and asks.prompts]
    costs = [[_cost(ask) for ask in asks.prompts] for asks in own]
    prompts = [cost for each in costs for cost in each]
    searched = sum(len(asks.searched) for asks in own)
    by_search = f", {searched} of {len(prompts)} by search" if searched else ""
    optimised = [_optimising(asks.optimiser) for asks in own if asks.optimiser]
    tuned, rounds = tuned_ask(resolved, sizes=sizes), epochs(resolved)
    trained = TRAINED * (tuned.tokens_in + tokens(sizes.reference_characters)) * sizes.train
    benches = [gate.limit or BENCHMARK_ITEMS for gate in gates.forgetting]
    items = sum(benches) / max(1, len(benches))
    probes = rounds + 1 if resolved.experiment.search.probes else 0
    probed = PROBE_TOKENS + len(benches) * resolved.experiment.search.forgets.items * BENCHMARK_TOKENS
    forms, requests = len(gates.ships.forms) if gates.ships else 0, gates.latency.requests if gates.latency else 0
    seeds = gates.seeds if gates.scope == "recipe" else 0
    rounds_again = round(seeds * rounds / resolved.experiment.search.most_trials)
    tested = [*map(max, costs), *[_cost(tuned)] * (1 + forms + seeds)]
    return [
        Work("optimise", "prompts that an optimiser writes", len(optimised), _mean(optimised) / speed),
        Work("prompt", f"prompts on validation{by_search}", len(prompts), _mean(prompts) * sizes.validation / speed),
        _by_api(rented_models(asked, resolved=resolved, sizes=sizes)),
        Work("train", "training epochs", rounds + rounds_again, trained / speed),
        Work("tuned", "tuned answers on validation", rounds, _cost(tuned) * sizes.validation / speed),
        Work("probe", "probes of what was forgotten", probes, probed / speed),
        Work("test", "champions and the tuned model on test", len(tested), _mean(tested) * sizes.test / speed),
        Work("latency", "single requests", min(requests, 1), SINGLE * requests * _cost(tuned) / speed),
        Work("forgetting", "forgetting benchmarks, base and tuned", 2 * len(benches), items * BENCHMARK_TOKENS / speed),
    ]


def _by_api(rented: list[Rented]) -> Work:
    """Seconds only of families that say how fast they may ask, until the first of their steps is done."""
    steps = sum(row.steps for row in rented)
    seconds = sum(row.seconds or 0.0 for row in rented)
    return Work("api", "models behind an API", steps, seconds / max(1, steps))


def _optimising(asks: OptimiserAsks) -> float:
    """In read tokens."""
    return asks.calls * _cost(asks.candidate) + asks.proposals * _cost(asks.proposal)


def _mean(costs: Sequence[float]) -> float:
    """0 of none."""
    return sum(costs) / max(1, len(costs))


def _cost(ask: Ask) -> float:
    """In read tokens."""
    return ask.tokens_in + GENERATED * ask.tokens_out


def peak_bytes(resolved: Resolved, *, sizes: Sizes, weight_bytes: int) -> int:
    """Resident memory while training, roughly: libraries, weights and the activations of a micro-batch."""
    search = resolved.experiment.search
    length = min(search.max_length, 2 * tokens(sizes.input_characters + sizes.reference_characters) + TEMPLATE_TOKENS)
    batch = length * min(search.micro_batch_size, search.batch_size)
    return int(RUNTIME_BYTES + weight_bytes + batch * ACTIVATION_BYTES_PER_TOKEN * weight_bytes / REFERENCE_BYTES)


def remaining_seconds(work: list[Work], *, current: Plan, finished: Callable[[str], Artifact | None]) -> float:
    """Seconds still to go, by the finished steps' own times where there are some."""
    times: dict[str, list[float]] = {row.kind: [] for row in work}
    for step in {step.key: step for step in current.wanted}.values():
        artifact = finished(step.key)
        if artifact is not None and (kind := kind_of(step)) in times:
            times[kind].append(artifact.seconds)
    left = 0.0
    for row in work:
        done = times[row.kind]
        mean = sum(done) / len(done) if done else row.seconds
        left += max(0, row.count - len(done)) * mean
    return left


def kind_of(step: Step) -> str:
    """The kind of work a step belongs to; empty for the light ones."""
    if step.inputs.get("engine") == "openai":
        return "api"
    if step.stage in ("optimise", "train", "probe", "forgetting", "latency"):
        return step.stage
    if step.stage != "predict" or "rule" in step.inputs:
        return ""
    if step.inputs["split"] == "test":
        return "test"
    return "tuned" if "adapter" in step.needs else "prompt"
