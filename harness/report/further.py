"""Turn what was learnt besides the task into the report's rows and sentences."""

from collections.abc import Iterator

from harness.plan import Plan
from harness.plan.further import further_sections
from harness.plan.setup import Setup
from harness.report.data_rows import FurtherRows


def further_rows(setup: Setup, finished: Plan) -> list[FurtherRows]:
    """One row a source, in the order in which they are read."""
    sections = further_sections(setup.resolved.experiment.search)
    return [
        FurtherRows(
            role=role,
            source=section.source if (section := sections.get(role)) else _mixed(setup, role)[0],
            license=section.license if section else _mixed(setup, role)[1],
            **{name: rows.summary[name] for name in ("rows", "kept", "unusable", "repeats", "sha256")},
        )
        for role, rows in finished.further.items()
    ]


def further_warnings(finished: Plan) -> Iterator[str]:
    """Rows that were left out because they repeat what is held out."""
    for role, rows in finished.further.items():
        if repeats := rows.summary["repeats"]:
            of = ", ".join(f"{name} {count:,}" for name, count in repeats.items())
            left = f"{sum(repeats.values()):,} of {rows.summary['rows']:,} rows"
            said = f"{left} repeat held-out items ({of}) and were not trained on"
            yield f"search.{role}: {said}; rephrased copies would not have been found."


def _mixed(setup: Setup, role: str) -> tuple[str, str]:
    """Source and licence of another task's training examples."""
    task = setup.resolved.mixed[role.removeprefix("mix:")]
    return task.data.source, task.license
