"""Turn scored prompts into what `harness baselines` shows: the families first, then the best configurations."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from harness.cli.consoles import out
from harness.plan import Plan, ScoredArm, family_champions
from harness.plan.effort import Finished
from harness.plan.setup import Setup
from harness.report import gfm
from harness.report.effort import efforts
from harness.report.effort_table import COUNTED
from harness.report.formats import count
from harness.report.prompt_caveats import unfitting
from harness.report.text import one_line, shortened

MOST = 12
"""Configurations shown without `--all`."""
GAP = 2
"""Spaces between two columns."""
FEWEST = 12
"""Characters of a configuration's words that say something; with less room they are left out."""
FAMILY_HEADS = ("tried", "tokens in", "out", "seconds")
"""Beside a family's champion and its score."""


def prompts_as_json(setup: Setup, finished: Plan, *, find: Finished) -> dict[str, Any]:
    """Every family and every configuration."""
    champions = family_champions(setup, finished.baselines).values()
    rows = [
        {
            "arm": scored.arm.name,
            "validation": scored.scores.summary["mean"],
            "champion": scored in champions,
            "description": scored.arm.description,
            "truncated": list(scored.answers.summary["truncated"]),
        }
        for scored in finished.baselines
    ]
    families = family_rows(setup, finished, find=find)
    return {"experiment": setup.resolved.name, "metric": setup.metric, "families": families, "baselines": rows}


def family_rows(setup: Setup, finished: Plan, *, find: Finished) -> list[dict[str, Any]]:
    """Each family's champion and what it took, the best first; tokens in and out are means per answer."""
    champions, spent = family_champions(setup, finished.baselines), efforts(setup, finished, find=find)
    tried = {row.family: row.configurations for row in spent.families}
    return [
        {
            "family": family,
            "champion": scored.arm.name,
            "validation": _score(scored, metric=setup.metric),
            "configurations": tried[family],
            **_tokens(scored),
            "seconds": spent.seconds["families"][family],
        }
        for family, scored in sorted(champions.items(), key=lambda pair: -_score(pair[1], metric=setup.metric))
    ]


def show_prompts(setup: Setup, finished: Plan, *, find: Finished, every: bool) -> None:
    """A table of families that can be pasted into a README, then the best configurations, or all of them."""
    out.print(f"Families on validation, by the {setup.metric} of their champion", style="bold", markup=False)
    out.print(family_table(setup, finished, find=find), markup=False, soft_wrap=True)
    out.print(f"Tokens in and out are means per answer of the champion. {COUNTED}", style="dim", markup=False)
    out.print()
    ranked = sorted(finished.baselines, key=lambda one: -_score(one, metric=setup.metric))
    shown = ranked if every else ranked[:MOST]
    out.print("Configurations, the best first (● stands for its family)", style="bold", markup=False)
    out.print(_configurations(shown, champions=family_champions(setup, finished.baselines), whole=every))
    if more := len(ranked) - len(shown):
        out.print(f"{more} more: --all", style="dim", markup=False)
    for warning in unfitting(finished.baselines):
        out.print(one_line(warning), markup=False, soft_wrap=True)


def family_table(setup: Setup, finished: Plan, *, find: Finished) -> str:
    """The families in Markdown, its columns in line."""
    rows = [
        [
            gfm.name(row["family"]),
            gfm.name(row["champion"].removeprefix(f"{row['family']}/")),
            f"{row['validation']:.3f}",
            *(count(row[key]) for key in ("configurations", "tokens_in", "tokens_out")),
            count(round(row["seconds"])),
        ]
        for row in family_rows(setup, finished, find=find)
    ]
    return gfm.aligned_table(["family", "champion", gfm.name(setup.metric), *FAMILY_HEADS], rows, right=2)


def _configurations(shown: Sequence[ScoredArm], *, champions: dict[str, ScoredArm], whole: bool) -> Table:
    """One line a configuration, unless its words shall be `whole`."""
    metrics = list(shown[0].scores.summary["mean"])
    names = [f"{'●' if one in champions.values() else ' '} {one.arm.name}" for one in shown]
    # Names and numbers come first; the words get what is left of the line.
    room = out.width - max(map(len, names)) - sum(max(5, len(metric)) + GAP for metric in metrics) - GAP
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, GAP - 1, 0, 0), header_style="dim")
    table.add_column("arm", overflow="fold", no_wrap=room >= FEWEST)
    for metric in metrics:
        table.add_column(Text(metric), justify="right", no_wrap=True)
    if whole or room >= FEWEST:
        table.add_column("asks with", overflow="fold")
    for name, one in zip(names, shown, strict=True):
        means = one.scores.summary["mean"]
        words = one_line(one.arm.description) if whole else shortened(one.arm.description, limit=max(room, FEWEST))
        cells = (name, *(f"{means[metric]:.3f}" for metric in metrics), words)
        table.add_row(*map(Text, cells[: len(table.columns)]))
    return table


def _score(scored: ScoredArm, *, metric: str) -> float:
    return float(scored.scores.summary["mean"][metric])


def _tokens(scored: ScoredArm) -> dict[str, float]:
    """Means per answer."""
    answers = scored.answers.summary
    return {name: round(answers[name] / answers["items"], 1) for name in ("tokens_in", "tokens_out")}
