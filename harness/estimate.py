"""Turn an experiment into expected seconds and tokens, before anything heavy runs; sharpen it while steps finish."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.asks import BENCHMARK_TOKENS, Ask, FamilyAsks, OptimiserAsks, Sizes
from harness.family_asks import every_family_asks, tuned_ask, tuned_training
from harness.jsonl import read_lines
from harness.loading import Resolved
from harness.plan import Plan
from harness.plan.setup import Setup
from harness.records import Example
from harness.rented import Rented, rented_models
from harness.steps import Step
from harness.store import Artifact
from harness.training_asks import Training

REFERENCE_BYTES = 270e6
"""Weights of the sample model on disk, with which the rates below were measured (2 cores)."""
TOKENS_PER_SECOND = {"bfloat16": 1_000.0, "float32": 500.0}
"""Reading, on two cores; where a CPU computes in bfloat16, it does so about twice as fast."""
GENERATED, TRAINED = 4.0, 3.0
"""What a token that is generated in a batch, or trained on, costs against one that is read.

Measured in one process, one thread, float32: 233 tokens read in a second, 65 generated in a batch of 24 prompts, 74
trained on in batches of 8, loading not counted. On two cores with nothing else going on 198 are trained on.
"""
SINGLE = 4.0
"""What a request costs alone, against one in a batch."""
BENCHMARK_ITEMS = 750
PROBE_TOKENS = 900
"""Of the general text that a probe reads."""


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
    tokens_in: float = 0.0
    """Prompt tokens that one of them reads; 0 where steps do not count them."""
    tokens_out: float = 0.0
    """Tokens that it generates."""
    tokens_trained: float = 0.0
    """Tokens that it trains on."""


class Tokens(NamedTuple):
    """What one side's choice takes, as the report counts its effort: on validation, and for training."""

    read: float
    generated: float
    trained: float = 0.0


def expected_tokens(resolved: Resolved, *, asked: Sequence[FamilyAsks], sizes: Sizes) -> dict[str, Tokens]:
    """Of `prompting`, whoever answers, and of `tuning`."""
    prompts = [ask for asks in asked for ask in asks.prompts]
    written = [_as_one(asks.optimiser) for asks in asked if asks.optimiser]
    tuned, trained = tuned_ask(resolved, sizes=sizes), tuned_training(resolved, sizes=sizes)
    return {
        "prompting": Tokens(
            sizes.validation * sum(ask.tokens_in for ask in prompts) + sum(ask.tokens_in for ask in written),
            sizes.validation * sum(ask.tokens_out for ask in prompts) + sum(ask.tokens_out for ask in written),
        ),
        "tuning": Tokens(
            trained.scored * sizes.validation * tuned.tokens_in,
            trained.scored * sizes.validation * tuned.tokens_out,
            trained.tokens,
        ),
    }


def planned_sizes(current: Plan) -> Sizes:
    """Sizes once the data step is done."""
    assert current.data is not None
    sizes, characters = current.data.summary["sizes"], current.data.summary["characters"]
    test = current.data.summary["judged"]["items"]
    known = (sizes["train"], sizes["validation"], test, characters["input"], characters["reference"])
    train = read_lines(current.data.path / "train.jsonl", model=Example)
    longest = max((len(example.input) + len(example.reference) for example in train), default=0)
    further = {role: (rows.summary["kept"], rows.summary["characters"]) for role, rows in current.further.items()}
    return Sizes(*known, labels=tuple(current.labels), longest_characters=longest, further=further)


def planned_work(setup: Setup, current: Plan, *, weight_bytes: int) -> list[Work]:
    """The whole experiment, once the data step is done; the same whenever it is asked."""
    sizes, dtype = planned_sizes(current), str(setup.model.identity()["dtype"])
    asked = every_family_asks(setup.resolved, sizes=sizes)
    return expected_work(setup.resolved, asked=asked, sizes=sizes, weight_bytes=weight_bytes, dtype=dtype)


def expected_work(
    resolved: Resolved, *, asked: Sequence[FamilyAsks], sizes: Sizes, weight_bytes: int, dtype: str = "bfloat16"
) -> list[Work]:
    """The whole experiment, kind by kind, at the measured reference rates scaled by the model's size.

    What a model behind an API answers takes no time of this machine: it stands in a row of its own.
    """
    gates = resolved.experiment.gates
    speed = TOKENS_PER_SECOND[dtype] * REFERENCE_BYTES / max(weight_bytes, 1)
    own = [asks for asks in asked if asks.family.api is None and asks.prompts]
    prompts = [ask for asks in own for ask in asks.prompts]
    searched = sum(len(asks.searched) for asks in own)
    by_search = f", {searched} of {len(prompts)} by search" if searched else ""
    tuned, trained = tuned_ask(resolved, sizes=sizes), tuned_training(resolved, sizes=sizes)
    dearest = [max(asks.prompts, key=lambda ask: _cost(ask, items=sizes.test)) for asks in own]
    forms = len(gates.ships.forms) if gates.ships else 0
    requests = [tuned] if gates.latency else []
    asked_alone = SINGLE * gates.latency.requests if gates.latency else 0.0
    benches = [gate.limit or BENCHMARK_ITEMS for gate in gates.forgetting]
    items = sum(benches) / max(1, len(benches))
    probes = trained.scored + 1 if resolved.experiment.search.probes else 0
    probed = PROBE_TOKENS + len(benches) * resolved.experiment.search.forgets.items * BENCHMARK_TOKENS
    seeds = gates.seeds if gates.scope == "recipe" else 0
    again = round(seeds * trained.epochs / resolved.experiment.search.most_trials)
    title = "champions and the tuned model on test"
    return [
        _optimised([asks.optimiser for asks in own if asks.optimiser], speed=speed),
        _answers("prompt", f"prompts on validation{by_search}", prompts, items=sizes.validation, speed=speed),
        _by_api(rented_models(asked, resolved=resolved, sizes=sizes)),
        _training(trained, again=again, speed=speed),
        _answers("tuned", "tuned answers on validation", [tuned] * trained.scored, items=sizes.validation, speed=speed),
        Work("probe", "probes of what was forgotten", probes, probed / speed),
        _answers("test", title, [*dearest, *[tuned] * (1 + forms + seeds)], items=sizes.test, speed=speed),
        Work("latency", "single requests", len(requests), asked_alone * _cost(tuned, items=1) / speed),
        Work("forgetting", "forgetting benchmarks, base and tuned", 2 * len(benches), items * BENCHMARK_TOKENS / speed),
    ]


def _answers(kind: str, title: str, asks: Sequence[Ask], *, items: int, speed: float) -> Work:
    """Every prompt answered for so many items."""
    return Work(
        kind,
        title,
        len(asks),
        _mean([_cost(ask, items=items) for ask in asks]) / speed,
        tokens_in=items * _mean([ask.tokens_in for ask in asks]),
        tokens_out=items * _mean([ask.tokens_out for ask in asks]),
    )


def _training(trained: Training, *, again: int, speed: float) -> Work:
    """The epochs of the search, and those that are trained again."""
    each = trained.tokens / trained.epochs
    return Work("train", "training epochs", trained.epochs + again, TRAINED * each / speed, tokens_trained=each)


def _optimised(optimisers: Sequence[OptimiserAsks], *, speed: float) -> Work:
    whole = [_as_one(asks) for asks in optimisers]
    return _answers("optimise", "prompts that an optimiser writes", whole, items=1, speed=speed)


def _as_one(asks: OptimiserAsks) -> Ask:
    """Trials of single items, and requests for an instruction, as if they were one prompt."""
    trial, request = asks.candidate, asks.proposal
    return Ask(
        asks.calls * trial.tokens_in + asks.proposals * request.tokens_in,
        asks.calls * trial.tokens_out + asks.proposals * request.tokens_out,
    )


def _by_api(rented: list[Rented]) -> Work:
    """Seconds only of families that say how fast they may ask, until the first of their steps is done."""
    steps = sum(row.steps for row in rented)
    seconds = sum(row.seconds or 0.0 for row in rented)
    read, written = sum(row.tokens_in for row in rented), sum(row.tokens_out for row in rented)
    return Work("api", "models behind an API", steps, *(whole / max(1, steps) for whole in (seconds, read, written)))


def _mean(costs: Sequence[float]) -> float:
    """0 of none."""
    return sum(costs) / max(1, len(costs))


def _cost(ask: Ask, *, items: int) -> float:
    """Of a prompt for so many items, in read tokens; what all of them begin with is read once."""
    return items * (ask.tokens_in - ask.shared + GENERATED * ask.tokens_out) + ask.shared


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
