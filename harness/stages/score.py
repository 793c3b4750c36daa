"""Turn stored answers into per-item scores; every mean is derived from them."""

from pathlib import Path
from typing import Any

from harness.adapters.trackers import Track
from harness.jsonl import read_lines, read_rows, write_lines
from harness.metrics.answers import parsed_label
from harness.records import Example, Prediction
from harness.stages import Job
from harness.stages.predict import items_file


def write_scores(job: Job) -> dict[str, Any]:
    """scores.jsonl: id, valid, label, leaked and one number a metric and item; summary: means of what is certified."""
    items = read_lines(items_file(job.needs, split=job.inputs["split"]), model=Example)
    answers = read_lines(job.needs["predictions"] / "predictions.jsonl", model=Prediction)
    rows = scored_rows(items, answers, inputs=job.inputs, task_dir=job.local.get("task_dir"))
    leaked = leaked_ids(job.needs) if job.inputs["split"] == "test" else set()
    write_lines(job.out / "scores.jsonl", [{**row, "leaked": row["example_id"] in leaked} for row in rows])
    certified = [row for row in rows if row["example_id"] not in leaked]
    found = means(certified, metrics=job.inputs["metrics"])
    _tracked(job, found)
    return {"mean": found, "invalid": sum(not row["valid"] for row in certified)}


def _tracked(job: Job, scores: dict[str, float]) -> None:
    """Tell the trackers of the trial whose epoch this is; scores on test items never go there."""
    track = Track.of(job.local)
    if track is None or job.cache is None or job.inputs["split"] == "test":
        return
    from harness.adapters.tracker_runs import track_scores

    track_scores(track, state=job.cache, tell=job.tell, scores=scores)


def leaked_ids(needs: dict[str, Path]) -> set[str]:
    """Test items that training or selection has seen: answered and scored, but neither averaged nor certified."""
    return {row["id"] for row in read_rows(needs["testset"] / "leaked.jsonl")}


def scored_rows(
    items: list[Example], answers: list[Prediction], *, inputs: dict[str, Any], task_dir: str | None
) -> list[dict[str, Any]]:
    """One row an item; an answer that is missing or names no label scores 0, it is never dropped."""
    from harness.adapters.answer_scores import answer_scores

    if [answer.example_id for answer in answers] != [item.id for item in items]:
        raise AssertionError("the answers are not those to these items, in their order")
    labels = inputs["labels"] if inputs["kind"] == "label" else None
    given = [parsed_label(answer.text, labels=labels) if labels else answer.text for answer in answers]
    valid = [answer.status != "truncated" and label is not None for answer, label in zip(answers, given, strict=True)]
    texts = [text if ok and text is not None else "" for text, ok in zip(given, valid, strict=True)]
    columns = answer_scores(
        inputs["metrics"],
        answers=texts,
        items=items,
        task_dir=Path(task_dir) if task_dir else None,
        labels=labels,
        code=inputs.get("code"),
    )
    return [
        {
            "example_id": item.id,
            "group": item.group,
            "valid": valid[place],
            "label": given[place] if labels else None,
            "reference": item.reference if labels else None,
            "slices": item.slices,
            **{name: column[place] if valid[place] else 0.0 for name, column in columns.items()},
        }
        for place, item in enumerate(items)
    ]


def means(rows: list[dict[str, Any]], *, metrics: list[str]) -> dict[str, float]:
    """Mean of every per-item metric; macro-F1 over the whole."""
    found = {}
    for name in metrics:
        if name == "macro_f1":
            found[name] = round(_macro_f1(rows), 6)
        else:
            found[name] = round(sum(row[name] for row in rows) / len(rows), 6)
    return found


def _macro_f1(rows: list[dict[str, Any]]) -> float:
    from sklearn.metrics import f1_score

    truth = [row["reference"] for row in rows]
    given = [row["label"] if row["valid"] else "" for row in rows]
    return float(f1_score(truth, given, labels=sorted(set(truth)), average="macro", zero_division=0.0))
