"""Turn the data of one condition `effect > margin` into its p-values, standard error and interval.

This is the one place that chooses the test: several seeds, clusters, labels, 0/1 scores or graded scores.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.stats import NO_EVIDENCE, OneSided, clustered, corpus, exact, graded, intervals, recipe, worst

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

MEAN = clustered.mean_of_parts


@dataclass(frozen=True)
class Sample:
    """One condition's data: a tuned arm against another arm, or against a constant."""

    metric: Literal["binary", "graded", "macro_f1"]
    """How an item is scored."""
    tuned: Array
    """Shape (seeds, items): scores in [0, 1], or label codes with `corpus.NO_LABEL` for a missing output."""
    other: Array | None
    """Shape (items,), the arm compared with; None: `margin` is a floor under the tuned arm's own score."""
    truth: Codes | None = None
    """Shape (items,): true label codes 0 to classes - 1, for macro_f1."""
    clusters: Codes | None = None
    """Shape (items,): codes 0 to clusters - 1, where items share a source."""
    chosen: int | None = 0
    """Row of `tuned` that the claim is about; None: it is about the recipe, so the seeds are a sample too."""

    @property
    def items(self) -> int:
        """Number of test items."""
        return int(self.tuned.shape[1])

    def judged(self) -> "Sample":
        """Only the seeds that the claim is about."""
        if self.chosen is None:
            return self
        return replace(self, tuned=self.tuned[self.chosen : self.chosen + 1], chosen=0)

    def part(self, items: Codes) -> "Sample":
        """Only `items`, with the codes of clusters and labels made dense again; clusters of one item are none."""
        other = None if self.other is None else self.other[items]
        clusters = None if self.clusters is None else _dense(self.clusters[items])
        if clusters is not None and clusters.max() + 1 == len(clusters):
            clusters = None
        same = replace(self, tuned=self.tuned[:, items], other=other, clusters=clusters)
        if self.truth is None:
            return same
        known = np.unique(self.truth[items])

        def recoded(labels: Array) -> Array:
            # Of a class without items here nothing can be right: the same as no usable output.
            return np.where(np.isin(labels, known), np.searchsorted(known, labels), corpus.NO_LABEL).astype(float)

        other = None if other is None else recoded(other)
        return replace(same, tuned=recoded(same.tuned), other=other, truth=_dense(self.truth[items]))


class Compared(NamedTuple):
    """What one condition's data say."""

    effect: float
    """Tuned minus other; the tuned arm's own score for a floor."""
    se: float
    """Standard error of the effect that the test uses: over items or clusters, in a recipe over seeds as well."""
    se_items: float
    """Its part from items or clusters, with the seeds as they are."""
    p: OneSided
    low: float
    """Lower end of the descriptive interval."""
    high: float
    """Upper end of the descriptive interval."""
    test: str
    """Name of the test."""
    refusal: str = ""
    """Why the test refuses to answer (both p are then 1); empty when it does not."""
    se_seeds: float | None = None
    """Standard error over all seeds of the sample, judged or not; None with one."""


def compare(sample: Sample, *, margin: float, alpha: float) -> Compared:
    """Test `effect > margin` for comparison with `alpha`, by the test that the data call for."""
    found = _tested(sample.judged(), margin=margin, alpha=alpha)
    several = len(sample.tuned) > 1
    return found._replace(se_seeds=recipe.seed_error(_seed_effects(sample)) if several else None)


def _dense(codes: Codes) -> Codes:
    """Codes 0 to distinct codes - 1, in the same order."""
    dense: Codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    return dense


def _tested(sample: Sample, *, margin: float, alpha: float) -> Compared:
    jack = _jackknife(sample, groups=_groups(sample))
    low, high = intervals.t_interval(jack.estimate, se=jack.se, df=max(jack.groups - 1, 1))
    found = Compared(jack.estimate, jack.se, jack.se, NO_EVIDENCE, low, high, test="")
    if refusal := _refusal(sample, jack=jack):
        return found._replace(test="refused", refusal=refusal)
    if sample.chosen is None:
        pooled = _recipe(sample, found=found, jack=jack, margin=margin)
        # Macro-F1 has no item scores to average, and its own test leans on the same jackknife.
        checks = [] if sample.truth is not None else [_tested(_over_seeds(sample), margin=margin, alpha=alpha).p]
        return pooled._replace(p=worst(pooled.p, *checks))
    item_level, name = _item_level(sample, margin=margin, alpha=alpha)
    if sample.clusters is not None:
        sums = _cluster_sums(sample, jack=jack, margin=margin)
        p = clustered.clustered_p_values(jack, sums=sums, item_level=item_level, margin=margin, alpha=alpha)
        return found._replace(p=p, test="clustered")
    if sample.metric == "macro_f1":
        return found._replace(p=item_level.cautious(), test=name)
    low, high = _item_interval(sample, se=jack.se)
    return found._replace(p=item_level, test=name, low=low, high=high)


def _refusal(sample: Sample, *, jack: corpus.Jackknife) -> str:
    if sample.chosen is None and len(sample.tuned) < recipe.FEWEST_SEEDS:
        return f"scope recipe needs at least {recipe.FEWEST_SEEDS} training seeds, got {len(sample.tuned)}"
    if sample.clusters is not None and jack.groups < clustered.FEWEST_CLUSTERS:
        clusters = "1 cluster is" if jack.groups == 1 else f"{jack.groups} clusters are"
        return f"{clusters} too few, at least {clustered.FEWEST_CLUSTERS} are needed"
    return ""


def _groups(sample: Sample) -> Codes:
    """Jackknife groups: the clusters where there are any, else items or random groups of items."""
    if sample.clusters is not None:
        return sample.clusters
    if sample.truth is None:
        return np.arange(sample.items)
    others = [] if sample.other is None else [sample.other.astype(np.int64)]
    return corpus.item_groups(*sample.tuned.astype(np.int64), *others, sample.truth)


def _differences(sample: Sample) -> Array:
    """Score differences per item, averaged over seeds; the score itself for a floor."""
    mean: Array = np.sort(sample.tuned, axis=0).mean(axis=0)
    return mean if sample.other is None else mean - sample.other


def _jackknife(sample: Sample, *, groups: Codes) -> corpus.Jackknife:
    """The effect, averaged over seeds, with groups left out in turn."""
    if sample.truth is None:
        d = _differences(sample)
        # Without clusters items are interchangeable: sorted, their order cannot change even the last bit.
        parts = clustered.cluster_parts(d if sample.clusters is not None else np.sort(d), clusters=groups)
        return corpus.jackknife(parts, statistic=MEAN)
    arms = [row.astype(np.int64) for row in sample.tuned]
    if sample.other is not None:
        arms.append(sample.other.astype(np.int64))
    parts = corpus.macro_f1_parts(sample.truth, arms, groups=groups)
    statistic = corpus.macro_f1_difference(
        len(arms), classes=int(sample.truth.max()) + 1, against=0.0 if sample.other is None else None
    )
    return corpus.jackknife(parts, statistic=statistic)


def _recipe(sample: Sample, *, found: Compared, jack: corpus.Jackknife, margin: float) -> Compared:
    both = recipe.pooled(_seed_effects(sample), items=jack)
    low, high = intervals.t_interval(both.effect, se=both.se, df=both.df)
    p = both.p_values(margin, same_n=_same_n(sample, jack=jack))
    return found._replace(se=both.se, p=p, low=low, high=high, test="recipe_satterthwaite")


def _over_seeds(sample: Sample) -> Sample:
    """The mean over seeds as one arm, for the test that its items call for: t alone fails near a score of 1.

    Of a floor of .9 on 30 items, or of rare collapses, a sample often shows no spread (size of t alone: up to .15).
    """
    mean = np.sort(sample.tuned, axis=0).mean(axis=0)[None, :]
    # Right in some seeds and wrong in others is a graded score.
    graded_now = bool(((mean > 0) & (mean < 1)).any())
    return replace(sample, metric="graded" if graded_now else sample.metric, tuned=mean, chosen=0)


def _seed_effects(sample: Sample) -> Array:
    """Each seed's effect, shape (seeds,)."""
    one_group = np.zeros(sample.items, dtype=np.int64)
    seeds = (replace(sample, tuned=row[None, :], clusters=None) for row in sample.tuned)
    return np.array([_jackknife(seed, groups=one_group).estimate for seed in seeds])


def _same_n(sample: Sample, *, jack: corpus.Jackknife) -> int:
    """Independent items that speak when no group changes the effect at all."""
    if sample.clusters is not None:
        return jack.groups
    return sample.items if sample.truth is None else corpus.evidence_items(sample.truth)


def _item_level(sample: Sample, *, margin: float, alpha: float) -> tuple[OneSided, str]:
    """The test that takes items as independent, and its name."""
    if sample.truth is not None:
        jack = _jackknife(sample, groups=_groups(Sample("macro_f1", sample.tuned, sample.other, sample.truth)))
        return jack.p_values(margin, same_n=corpus.evidence_items(sample.truth)), "jackknife_t"
    d = _differences(sample)
    if sample.metric == "graded":
        floor = margin if sample.other is None else 0.0
        return graded.graded_p_values(d - floor, margin=margin - floor, alpha=alpha), "t_and_bootstrap"
    more, less = _discordant(d)
    if sample.other is None:
        return exact.above_constant(more, n=sample.items, floor=margin), "binomial"
    return exact.paired_p_values(more, less, n=sample.items, margin=margin, alpha=alpha), "exact_paired"


def _discordant(differences: Array) -> tuple[int, int]:
    return int(np.count_nonzero(differences > 0)), int(np.count_nonzero(differences < 0))


def _cluster_sums(sample: Sample, *, jack: corpus.Jackknife, margin: float) -> Array:
    if sample.truth is not None or sample.clusters is None:
        # Macro-F1 has no sum over a cluster's items; the jackknife pseudo-values stand in for it.
        return jack.pseudo_values - margin
    parts = clustered.cluster_parts(_differences(sample), clusters=sample.clusters)
    sums: Array = parts[:, 0] - margin * parts[:, 1]
    return sums


def _item_interval(sample: Sample, *, se: float) -> intervals.Interval:
    d = _differences(sample)
    if sample.metric == "graded":
        return intervals.mean_interval(d, se=se)
    more, less = _discordant(d)
    if sample.other is None:
        return intervals.share_interval(more, n=sample.items)
    return intervals.tango_interval(more, less, n=sample.items)
