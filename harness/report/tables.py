"""Turn per-item rows into the numbers a report shows, through pandas."""

from pathlib import Path

import pandas as pd

from harness.jsonl import read_rows


def score_frame(paths: dict[str, Path]) -> pd.DataFrame:
    """One row a certified item and arm: columns arm, example_id, group, valid and a column per metric."""
    kept = {arm: [row for row in read_rows(path / "scores.jsonl") if not row["leaked"]] for arm, path in paths.items()}
    frames = [pd.DataFrame(rows).assign(arm=arm) for arm, rows in kept.items()]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["arm", "example_id", "group"])


def intervals(frame: pd.DataFrame, *, metric: str) -> dict[str, tuple[float, float]]:
    """95 % interval of each arm's mean: t over clusters, cut to [0, 1] (Cameron & Miller 2015, section II)."""
    from scipy.stats import t as student_t

    if metric not in frame:
        return {}
    found = {}
    for arm, rows in frame.groupby("arm"):
        centred = rows[metric] - rows[metric].mean()
        sums = centred.groupby(rows["group"]).sum()
        clusters = len(sums)
        if clusters < 2:
            continue
        error = ((sums**2).sum() * clusters / (clusters - 1)) ** 0.5 / len(rows)
        reach = float(student_t.ppf(0.975, clusters - 1)) * error
        mean = rows[metric].mean()
        found[str(arm)] = (round(float(max(0.0, mean - reach)), 6), round(float(min(1.0, mean + reach)), 6))
    return found


def widest_gaps(frame: pd.DataFrame, *, metric: str, tuned: str | None, best: str, count: int) -> list[str]:
    """Ids of the items on which the tuned arm and the best prompt differ most, both directions mixed."""
    if metric not in frame or frame.empty:
        return list(frame["example_id"].drop_duplicates()[:count])
    wide = frame.pivot(index="example_id", columns="arm", values=metric)
    if tuned is None or tuned == best:
        return [str(name) for name in wide.index[:count]]
    gap = (wide[tuned] - wide[best]).abs()
    order = pd.DataFrame({"gap": -gap, "id": gap.index}).sort_values(["gap", "id"])
    return [str(name) for name in order["id"][:count]]
