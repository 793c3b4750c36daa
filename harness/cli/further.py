"""Turn what a search learns besides its task into what `check` says of it: rows, and those that are left out."""

from typing import NamedTuple

from harness.adapters.tables import source_rows
from harness.cli.meeting import readable
from harness.loading import Resolved
from harness.plan.build import inputs_of
from harness.plan.further import further_sections, mixed_template, rows_asked
from harness.plan.setup import Benchmark, Source
from harness.prepare import data_source, further_sources, mixed_sources
from harness.stages.columns import values_by_id
from harness.stages.data import told_of
from harness.stages.further import Found, held_out, lessons_of, mean_characters, task_lessons, without_repeats
from harness.stages.splitting import split_examples


class FurtherAudit(NamedTuple):
    """What was found."""

    sizes: dict[str, tuple[int, float]]
    """Role to rows that can be trained on, and the mean characters of one."""
    remarks: list[str]
    """One sentence a source."""


def audited_further(resolved: Resolved, *, benchmarks: dict[str, Benchmark]) -> FurtherAudit:
    """Reads every source as a run would; benchmarks that lie in lm-eval alone are compared when the run reads them."""
    every = _found(resolved)
    if not every:
        return FurtherAudit({}, [])
    source = data_source(resolved)
    held = held_out(inputs_of(resolved.task, source), path=source.path, benchmarks=readable(benchmarks))
    sizes, remarks = {}, []
    for role, found in every.items():
        kept = without_repeats(found, held=held, where=f"search.{role.partition(':')[0]}")
        sizes[role] = (len(kept.lessons), mean_characters(kept.lessons))
        remarks.append(_remark(role, found, repeats=kept.repeats))
    return FurtherAudit(sizes, remarks)


def _found(resolved: Resolved) -> dict[str, Found]:
    sources = further_sources(resolved)
    found = {
        name: lessons_of(name, rows_asked(section, sources[name]), path=sources[name].path)
        for name, section in further_sections(resolved.experiment.search).items()
    }
    return found | {f"mix:{name}": _of_task(resolved, name, source) for name, source in mixed_sources(resolved).items()}


def _of_task(resolved: Resolved, name: str, source: Source) -> Found:
    task = resolved.mixed[name]
    with told_of(name):
        rows = source_rows(task.data, path=source.path)
        splits, _ = split_examples(rows, spec=task.data, labels=task.labels)
    answers = sorted({example.reference for example in splits["train"]})
    values = values_by_id(rows, template=task.data.input)
    return task_lessons(splits["train"], template=mixed_template(task, answers=answers), values=values)


def _remark(role: str, found: Found, *, repeats: dict[str, int]) -> str:
    rows = len(found.lessons) + found.unusable
    left = {**{f"repeat {name} items": count for name, count in repeats.items()}, "lack a text": found.unusable}
    out = ", ".join(f"{count:,} {why}" for why, count in left.items() if count)
    return f"{role} has {rows:,} rows to train on" + (f", less those that {out}" if out else "")
