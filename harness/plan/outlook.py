"""Turn the size of the test set and the spread of scores into what each gate can prove, and with how many items.

Imports the statistics, so it is imported only when it is called: the command line has to start fast.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from harness.errors import UserError
from harness.loading import Resolved
from harness.plan.build import improvement_margin
from harness.plan.state import Basis, Evidence, GateName, GatePower, HeldOut, SliceSizes
from harness.specs import MetricGate
from harness.stats.clustered import FEWEST_CLUSTERS
from harness.stats.power import (
    KEPT_DISCORDANCE,
    design_effect,
    items_for,
    items_for_score,
    minimum_detectable_effect,
    noninferiority_items,
    noninferiority_power,
    passing_change,
    provable_score,
)

SOUGHT = 0.05
"""The gain whose price in items is told."""


@dataclass(frozen=True)
class Outlook:
    """Every gate's power, from one size and one body of evidence."""

    resolved: Resolved
    size: HeldOut
    benchmarks: Mapping[str, int | None]
    """Items of each, as far as they are known."""
    evidence: Callable[[str], Evidence]
    """By metric."""
    slices: SliceSizes
    """Sizes of the slices of the test items, as far as they are known."""

    def rows(self) -> Iterator[GatePower]:
        """One row a gate, in the order in which they are judged."""
        gates, metric = self.resolved.experiment.gates, self.resolved.task.metrics[0]
        yield self.gain("improvement", metric, margin=improvement_margin(self.resolved))
        if gates.rouge is not None:
            yield from self._metric("rouge", "rougeL", gates.rouge)
        for name, gate in gates.metrics.items():
            yield from self._metric("metric", name, gate)
        yield from self._shares()
        for bench in gates.forgetting:
            items, name = self.benchmarks.get(bench.benchmark), f"keeps:{bench.benchmark}"
            yield self._kept("forgetting", "acc", name, margin=bench.margin, size=HeldOut(items, items))
        if gates.ships is not None:
            for form in gates.ships.forms:
                yield self._kept("ships", metric, f"ships:{form}", margin=gates.ships.margin, size=self.size)
        yield from (self._slice(gate.column, metric) for gate in gates.slices)

    def gain(self, gate: GateName, metric: str, *, margin: float) -> GatePower:
        """The smallest true gain over every prompt champion that is found 4 times in 5."""
        known, items = self.evidence(metric), usable(self.size)
        smallest = items and minimum_detectable_effect(
            items,
            discordance=known.variance,
            margin=margin,
            alpha=self._alpha,
            conditions=len(self.resolved.families),
            deff=_deff(self.size, icc=known.icc),
            room=known.room,
        )
        name = "beats every prompt" if gate == "improvement" else f"beats every prompt, {metric}"
        needed = self.items_for_gain(metric, SOUGHT, margin=margin)
        smallest = None if smallest is None or smallest > 1 else smallest
        limit = f"the margin is {points(margin)} points"
        if known.room is not None and known.room < SOUGHT:
            limit = f"the best prompt leaves room for {points(known.room)} points"
        claim = _Claim(name, "lead", SOUGHT, smallest, needed, limit=limit)
        return _proof(gate, metric, claim, size=self.size, basis=known.basis, but=self._but)

    def items_for_gain(self, metric: str, gain: float, *, margin: float) -> int | None:
        """Items that prove a true gain over every prompt; None where it is within the margin or beyond the room."""
        known = self.evidence(metric)
        if known.room is not None and gain > known.room:
            return None
        return items_for(
            gain,
            margin=margin,
            # An arm that gains all the room disagrees only where the other one is wrong.
            variance=known.variance if known.room is None else min(known.variance, 2 * known.room - gain),
            alpha=self._alpha,
            conditions=len(self.resolved.families),
            deff=_deff(self.size, icc=known.icc),
        )

    @property
    def _alpha(self) -> float:
        """The level of the first look, as `verdict.look_alpha` has it."""
        gates = self.resolved.experiment.gates
        return gates.alpha / gates.planned_looks

    @property
    def _but(self) -> str:
        """What the spread of scores leaves out: how far seeds differ shows once a recipe is trained anew."""
        return ", that between seeds not counted" if self.resolved.experiment.gates.scope == "recipe" else ""

    def _metric(self, gate: GateName, metric: str, asked: MetricGate) -> Iterator[GatePower]:
        if asked.margin is not None:
            yield self.gain(gate, metric, margin=asked.margin)
        if asked.floor is not None:
            known, name = self.evidence(metric), f"floor {asked.floor:g} {metric}"
            spread = {"variance": known.score_variance, "deff": _deff(self.size, icc=known.score_icc)}
            claim = self._above(name, "score", asked.floor, size=self.size, spread=spread)
            yield _proof(gate, metric, claim, size=self.size, basis=known.basis, but=self._but)

    def _shares(self) -> Iterator[GatePower]:
        """The gates that want a share of the answers, or of the requests, within a limit."""
        gates = self.resolved.experiment.gates
        asked: list[tuple[GateName, float, HeldOut]] = []
        if gates.format is not None:
            asked.append(("format", gates.format.share, self.size))
        if gates.cost is not None:
            asked.append(("cost", gates.cost.share, self.size))
        if gates.latency is not None:
            asked.append(("latency", gates.latency.share, HeldOut(gates.latency.requests, gates.latency.requests)))
        for gate, share, size in asked:
            claim = self._above(f"{gate} share {share:g}", "share", share, size=size, spread={"deff": _deff(size)})
            unit = "requests" if gate == "latency" else "items"
            yield _proof(gate, gate, claim._replace(unit=unit), size=size, basis="assumed")

    def _above(self, name: str, noun: str, floor: float, *, size: HeldOut, spread: dict[str, Any]) -> "_Claim":
        """The smallest true score that is proven to lie above a floor 4 times in 5."""
        test, goal, items = {"floor": floor, "alpha": self._alpha, **spread}, min(floor + SOUGHT, 1.0), usable(size)
        smallest = items and provable_score(items, **test)
        return _Claim(name, noun, goal, smallest, items_for_score(goal, **test))

    def _kept(self, gate: GateName, metric: str, name: str, *, margin: float, size: HeldOut) -> GatePower:
        """How often a model passes that lost nothing, and the true change that still passes 4 times in 5."""
        test = {"margin": margin, "discordance": KEPT_DISCORDANCE, "alpha": self._alpha, "deff": _deff(size)}
        items, needed = usable(size), noninferiority_items(**test)
        chance = items and noninferiority_power(items, **test)
        finding = _unusable(size)
        if chance is not None:
            finding = f"on {_shown(size)} a model that lost nothing passes {100 * chance:.0f} times in 100"
        return GatePower(
            gate=gate,
            metric=metric,
            name=name,
            items=size.items,
            groups=size.groups,
            smallest=items and passing_change(items, **test),
            chance=chance,
            needed=needed,
            basis="assumed",
            sentence=f"{name}: {finding}; 80 in 100 need about {needed:,} items (spread assumed)",
        )

    def _slice(self, column: str, metric: str) -> GatePower:
        """Only a proven loss counts against a slice, so what matters is the loss that is seen."""
        known, name = self.evidence(metric), f"slices:{column}"
        needed = items_for(SOUGHT, margin=0.0, variance=known.variance, alpha=self._alpha)
        seen = f"to see a true loss of {points(SOUGHT)} points 4 times in 5 takes a slice of about {needed:,} items"
        return GatePower(
            gate="slices",
            metric=metric,
            name=name,
            items=None,
            groups=None,
            smallest=None,
            needed=needed,
            basis=known.basis,
            sentence=f"{name}: {self._slice_sizes(column)}{seen} (spread {known.basis}{self._but})",
        )

    def _slice_sizes(self, column: str) -> str:
        """How large the slices are, and which of them cannot be tested."""
        sizes = self.slices.get(column, {})
        if not sizes:
            return ""
        counts = sorted(size["items"] for size in sizes.values())
        span = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
        untested = [value for value, size in sizes.items() if size["sources"] < min(size["items"], FEWEST_CLUSTERS)]
        lost = f", of which {', '.join(untested)} come from too few sources to be tested" if untested else ""
        return f"{len(sizes)} slice{'s' if len(sizes) > 1 else ''} of {span} test items{lost}; "


def too_weak(row: GatePower, *, best: str, room: float, needed: int | None, where: str) -> UserError:
    """Why no search can end in FINE_TUNE; `best` leaves `room` to gain, and `needed` items would prove all of it."""
    what = f"{_shown(HeldOut(row.items, row.groups))} of the test set prove no lead over {best}, whatever the truth"
    remedy = f"take at least {needed:,} test items (data.splits.test)" if needed else "lower gates.margin"
    if room <= 0:
        what, remedy = f"{best} scores 100 on validation: there is nothing left to gain", "keep that prompt"
    elif usable(HeldOut(row.items, row.groups)) is None:
        what = f"the test items come from about {row.groups} sources, too few to prove anything"
        remedy = f"take test items from at least {FEWEST_CLUSTERS} sources"
    elif row.smallest is not None:
        left = f"whose validation score of {points(1 - room)} leaves room for {points(room)}"
        what = f"{row.items:,} test items can prove a gain of {points(row.smallest)} points or more over {best}, {left}"
    fix = f"{remedy}, or set gates.allow_underpowered: true to search all the same"
    return UserError(what, where=where, fix=fix)


class _Claim(NamedTuple):
    """One thing to be proven, for the sentence."""

    name: str
    noun: str
    """lead, score or share."""
    goal: float
    """The truth whose price in items is told."""
    smallest: float | None
    needed: int | None
    limit: str = ""
    """Why no number of items is enough, where none is."""
    unit: str = "items"


def _proof(gate: GateName, metric: str, claim: _Claim, *, size: HeldOut, basis: Basis, but: str = "") -> GatePower:
    return GatePower(
        gate=gate,
        metric=metric,
        name=claim.name,
        items=size.items,
        groups=size.groups,
        smallest=claim.smallest,
        needed=claim.needed,
        basis=basis,
        sentence=f"{claim.name}: {_finding(claim, size=size)}; {_price(claim)} (spread {basis}{but})",
    )


def _finding(claim: _Claim, *, size: HeldOut) -> str:
    if usable(size) is None:
        return _unusable(size)
    shown = _shown(size, unit=claim.unit)
    if claim.smallest is None:
        return f"{shown} prove no {claim.noun}, whatever the truth"
    return f"{shown} prove a true {claim.noun} of {points(claim.smallest)} points or more 4 times in 5"


def _price(claim: _Claim) -> str:
    goal = f"{points(claim.goal)} points"
    if claim.needed is None:
        return f"no number of {claim.unit} proves {goal}, for {claim.limit}"
    return f"to prove {goal} takes about {claim.needed:,} {claim.unit}"


def _unusable(size: HeldOut) -> str:
    if size.items is None:
        return "how many items there will be is not known yet"
    return f"{size.groups} independent sources prove nothing, at least {FEWEST_CLUSTERS} are needed"


def _shown(size: HeldOut, *, unit: str = "items") -> str:
    sources = "" if size.groups == size.items else f" from {size.groups:,} sources"
    return f"{size.items:,} {unit}{sources}"


def usable(size: HeldOut) -> int | None:
    """Items that can prove something: None while unknown, and where the tests for shared sources will not answer."""
    items, groups = size
    if not items or not groups:
        return None
    return items if groups >= min(items, FEWEST_CLUSTERS) else None


def _deff(size: HeldOut, *, icc: float = 1.0) -> float:
    """By default a source counts once, however many items it has."""
    return design_effect(size.items / size.groups, icc=icc) if size.items and size.groups else 1.0


def points(value: float) -> str:
    """`12.5`, `8`: a share in points, to a tenth."""
    return f"{100 * value:.1f}".removesuffix(".0")
