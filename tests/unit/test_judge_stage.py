"""The judge stage turns scored rows into a verdict on certified items, with every gate under its own name."""

from pathlib import Path
from typing import Any

import pytest

from harness.jsonl import write_lines
from harness.stages import Job
from harness.stages.judge import write_judgement

ITEMS = 200


def row(place: int, score: float, *, leaked: bool = False, topic: str = "a") -> dict[str, Any]:
    name = f"item{place}"
    shared = {"example_id": name, "group": name, "valid": True, "label": None, "reference": None}
    return {**shared, "slices": {"topic": topic}, "leaked": leaked, "exact_match": score}


def inputs(**changes: Any) -> dict[str, Any]:
    gate = {"gate": "improvement", "metric": "exact_match", "margin": 0.02, "floor": None}
    plain: dict[str, Any] = {
        "alpha": 0.05,
        "gates": [gate],
        "ceilings": [],
        "families": ["zero_shot"],
        "forgetting": {},
        "slices": [],
        "ships": None,
        "planned_looks": 1,
        "prior_uses_of_test_set": 0,
    }
    return plain | changes


class Bench:
    """Folders of scored arms, judged as a run would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.needs: dict[str, Path] = {}

    def put(self, role: str, file: str, rows: list[dict[str, Any]]) -> None:
        self.needs[role] = self.folder / role.replace(":", "-")
        self.needs[role].mkdir()
        write_lines(self.needs[role] / file, rows)

    def arm(self, role: str, rows: list[dict[str, Any]]) -> None:
        self.put(role, "scores.jsonl", rows)

    def answers(self, *texts: str) -> None:
        shared = {"status": "ok", "tokens_in": 100, "tokens_out": 10}
        rows = [{"example_id": f"item{i}", "text": text, **shared} for i, text in enumerate(texts)]
        self.put("answers", "predictions.jsonl", rows)

    def judged(self, **changes: Any) -> dict[str, Any]:
        out = self.folder / "out"
        out.mkdir()
        return write_judgement(Job(inputs(**changes), self.needs, {}, out, lambda done, total: None))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A tuned model that is right on every item, a prompt that is right on half of them."""
    made = Bench(tmp_path)
    made.arm("tuned", [row(i, 1.0) for i in range(ITEMS)])
    made.arm("beats:zero_shot", [row(i, float(i % 2)) for i in range(ITEMS)])
    made.answers(*["Rome."] * ITEMS)
    return made


def test_a_planted_gain_is_fine_tune(bench: Bench) -> None:
    found = bench.judged()
    assert found["verdict"] == "FINE_TUNE"
    assert [(c["cond"], c["gate"], c["metric"]) for c in found["conditions"]] == [
        ("beats:zero_shot", "improvement", "exact_match")
    ]
    assert found["leaked"] is None


def test_a_gain_that_lies_in_leaked_items_is_not_certified(tmp_path: Path) -> None:
    made = Bench(tmp_path)
    made.arm("tuned", [row(i, 1.0 if i < 60 else float(i % 2), leaked=i < 60) for i in range(ITEMS)])
    made.arm("beats:zero_shot", [row(i, float(i % 2), leaked=i < 60) for i in range(ITEMS)])
    made.answers(*["Rome."] * ITEMS)
    found = made.judged()
    assert found["verdict"] != "FINE_TUNE"
    assert found["conditions"][0]["n"] == ITEMS - 60
    assert found["leaked"]["removed"] == 60
    assert found["leaked"]["verdict"] == "FINE_TUNE"
    assert found["leaked"]["conditions"][0]["n"] == ITEMS


@pytest.mark.parametrize(("wrong", "outcome", "verdict"), [(0, "pass", "FINE_TUNE"), (100, "fail", "PROMPT")])
def test_the_format_gate_counts_answers_that_parse(tmp_path: Path, wrong: int, outcome: str, verdict: str) -> None:
    made = Bench(tmp_path)
    made.arm("tuned", [row(i, 1.0) for i in range(ITEMS)])
    made.arm("beats:zero_shot", [row(i, float(i % 2)) for i in range(ITEMS)])
    made.answers(*["rome"] * wrong, *["Rome."] * (ITEMS - wrong))
    way = {"gate": "format", "share": 0.95, "regex": r"[A-Z]\w+\.", "json_schema": None, "labels": False}
    found = made.judged(ceilings=[way])
    assert found["verdict"] == verdict
    last = found["conditions"][-1]
    assert (last["cond"], last["gate"], last["outcome"]) == ("format", "format", outcome)
    assert "answers have the form asked for" in last["reason"]
    if outcome == "fail":
        assert found["reasons"][0] == f"format: {last['reason']}"


def test_two_ceilings_with_the_same_finding_are_both_named(bench: Bench) -> None:
    way = {"gate": "format", "share": 0.999, "regex": ".*", "json_schema": None, "labels": False}
    cost = {"gate": "cost", "share": 0.999, "usd": 1.0, "usd_per_million_in": 1.0, "usd_per_million_out": 5.0}
    reasons = bench.judged(ceilings=[way, cost])["reasons"]
    assert [reason.partition(":")[0] for reason in reasons[:2]] == ["format", "cost"]


def test_cost_and_latency_are_ceilings(bench: Bench) -> None:
    bench.put("latency", "latency.jsonl", [{"seconds": 0.2 if i % 2 else 0.9} for i in range(100)])
    cost = {"gate": "cost", "share": 0.95, "usd": 0.001, "usd_per_million_in": 1.0, "usd_per_million_out": 5.0}
    latency = {"gate": "latency", "share": 0.95, "seconds": 0.5}
    found = bench.judged(ceilings=[cost, latency])
    by_name = {c["cond"]: c for c in found["conditions"]}
    assert by_name["cost"]["outcome"] == "pass"
    assert by_name["latency"]["outcome"] == "fail"
    assert by_name["latency"]["n"] == 100
    assert found["verdict"] == "PROMPT"
    assert found["reasons"] == ["latency: more than 95% of the requests answered in time is ruled out on this machine."]


@pytest.mark.parametrize(("gate", "verdict"), [(True, "PROMPT"), (False, "FINE_TUNE")])
def test_a_regression_on_a_gated_slice_vetoes(tmp_path: Path, gate: bool, verdict: str) -> None:
    made = Bench(tmp_path)
    topics = ["rare" if i < 40 else "common" for i in range(ITEMS)]
    made.arm("tuned", [row(i, float(t == "common"), topic=t) for i, t in enumerate(topics)])
    made.arm("beats:zero_shot", [row(i, float(t == "rare"), topic=t) for i, t in enumerate(topics)])
    made.answers(*["Rome."] * ITEMS)
    found = made.judged(slices=[{"column": "topic", "gate": gate}])
    assert found["verdict"] == verdict
    assert [row["slice"] for row in found["slices"] if row["regressed"]] == ["topic=rare"]


@pytest.mark.parametrize("gate", [True, False])
def test_tiny_slices_are_tested_only_where_they_are_gated(tmp_path: Path, gate: bool) -> None:
    """A gain overall, and every one of 19 items of a topic lost."""
    made = Bench(tmp_path)
    topics = ["tiny" if i < 19 else "common" for i in range(ITEMS)]
    made.arm("tuned", [row(i, float(t == "common"), topic=t) for i, t in enumerate(topics)])
    made.arm("beats:zero_shot", [row(i, float(t == "tiny"), topic=t) for i, t in enumerate(topics)])
    made.answers(*["Rome."] * ITEMS)
    found = made.judged(slices=[{"column": "topic", "gate": gate}])
    regressed = [row["slice"] for row in found["slices"] if row["regressed"]]
    assert (found["verdict"], regressed) == (("PROMPT", ["topic=tiny"]) if gate else ("FINE_TUNE", []))


def test_a_form_that_loses_is_blocked_and_the_verdict_stays(bench: Bench) -> None:
    bench.arm("form:merged", [row(i, 1.0) for i in range(ITEMS)])
    bench.arm("form:merged_nf4", [row(i, float(i > 30)) for i in range(ITEMS)])
    found = bench.judged(ships={"forms": ["merged", "merged_nf4"], "margin": 0.03})
    assert found["verdict"] == "FINE_TUNE"
    assert {row["form"]: row["blocked"] for row in found["ships"]} == {"merged": False, "merged_nf4": True}


def kept(bench: Bench, *, tuned: list[int], base: list[int], **marks: list[Any]) -> dict[str, Any]:
    """The condition on a benchmark with these answers; `marks` are further fields of the tuned model's rows."""
    for side, accs in {"tuned": tuned, "base": base}.items():
        more = [dict(zip(marks, values, strict=True)) for values in zip(*marks.values(), strict=True)]
        extra = more if side == "tuned" and more else [{}] * len(accs)
        rows = [{"doc": str(i), "acc": acc, **fields} for i, (acc, fields) in enumerate(zip(accs, extra, strict=True))]
        known = [{name: value for name, value in row.items() if value is not None} for row in rows]
        bench.put(f"{side}:race", "items.jsonl", known)
    found: dict[str, Any] = bench.judged(forgetting={"race": 0.03})["conditions"][-1]
    return found


@pytest.mark.parametrize(("shared", "test", "outcome"), [(1, "exact_paired", "pass"), (10, "clustered", "unresolved")])
def test_benchmark_items_of_one_passage_are_one_source(bench: Bench, shared: int, test: str, outcome: str) -> None:
    """Seven passages are lost and seven won: of single items that would prove that little was lost."""
    tuned, base = [1, 0] * 500, [1, 0] * 500
    tuned[:70], base[70:140] = [0] * 70, [0] * 70
    found = kept(bench, tuned=tuned, base=base, source=[str(i // shared) for i in range(1000)])
    assert (found["cond"], found["test"], found["outcome"]) == ("keeps:race", test, outcome)


def test_benchmark_items_of_few_passages_prove_nothing(bench: Bench) -> None:
    found = kept(bench, tuned=[1] * 500, base=[1] * 500, source=[str(i % 15) for i in range(500)])
    assert (found["test"], found["outcome"]) == ("refused", "unresolved")


def test_benchmark_items_that_share_nothing_are_judged_one_by_one(bench: Bench) -> None:
    alone = kept(bench, tuned=[1] * 500, base=[1] * 500, source=[None] * 499 + ["one"])
    assert (alone["test"], alone["outcome"]) == ("exact_paired", "pass")


def test_benchmark_items_that_training_has_met_prove_nothing(bench: Bench) -> None:
    """What was trained on is won, and the rest is lost."""
    tuned, met = [1] * 500 + [0] * 100 + [1] * 400, [True] * 500 + [None] * 500
    found = kept(bench, tuned=tuned, base=[1] * 1000, met=met)
    assert (found["n"], found["effect"], found["outcome"]) == (500, pytest.approx(-0.2), "fail")


def test_a_benchmark_that_training_has_met_whole_is_not_judged(bench: Bench) -> None:
    found = kept(bench, tuned=[1] * 500, base=[0] * 500, met=[True] * 500)
    assert (found["test"], found["outcome"]) == ("refused", "unresolved")


def test_a_used_test_set_never_says_fine_tune(bench: Bench) -> None:
    found = bench.judged(prior_uses_of_test_set=1)
    assert found["verdict"] == "INCONCLUSIVE"
    assert found["reasons"][0] == "test_set_spent"


def test_a_planned_second_look_spends_less_alpha(bench: Bench) -> None:
    assert bench.judged(prior_uses_of_test_set=1, planned_looks=2)["alpha"] == pytest.approx(0.05 / 2 / 3)
