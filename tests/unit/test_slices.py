"""Slices: a proven regression is told, vetoes where it is asked to, and never speaks for fine-tuning."""

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score
from statsmodels.stats.multitest import multipletests

from harness.cli.main import status
from harness.judge_input import read_request
from harness.judging import JudgeRequest
from harness.stats.compare import Sample, compare
from harness.verdict import decide, decide_jointly

N, BAD = 400, 60
"""Test items, and how many of the first of them fine-tuning spoils."""


def _fields(**fields) -> dict:
    """A clear gain overall; on the first `BAD` items fine-tuning is always wrong and the prompts mostly right."""
    rng = np.random.default_rng(0)
    ft = [0] * BAD + [1] * (N - BAD)
    prompts = {name: (rng.random(N) < 0.55).astype(int).tolist() for name in ("zero_shot", "few_shot")}
    slices = {"short": {"items": list(range(BAD))}, "long": {"items": list(range(BAD, N))}}
    return {"metric": "binary", "ft": [ft], "baselines": prompts, "slices": slices} | fields


def _request(**fields) -> JudgeRequest:
    return read_request(json.dumps(_fields(**fields)), source="scores.json")


def _gated(*names: str) -> dict:
    return {name: {**part, "gate": name in names} for name, part in _fields()["slices"].items()}


def test_every_slice_meets_every_family_in_order():
    found = decide(_request()).slices
    names = [("short", "zero_shot"), ("short", "few_shot"), ("long", "zero_shot"), ("long", "few_shot")]
    assert [(row.slice, row.against) for row in found] == names
    assert [row.n for row in found] == [BAD, BAD, N - BAD, N - BAD]
    assert [row.regressed for row in found] == [True, True, False, False]
    assert all(row.low < row.effect < row.high for row in found)


def _holm(p: list[float]) -> list[float]:
    return multipletests(p, method="holm")[1].tolist()


def _alone(row, *, alpha: float):
    fields = _fields()
    items = fields["slices"][row.slice]["items"]
    arms = [np.array(arm, dtype=float)[items] for arm in (fields["ft"][0], fields["baselines"][row.against])]
    return compare(Sample("binary", arms[0][None, :], arms[1]), margin=0.0, alpha=alpha)


def test_effect_and_p_are_those_of_the_slice_alone_and_holm_spans_all_tests():
    found = decide(_request()).slices
    assert [(row.effect, row.p) for row in found] == [
        (alone.effect, alone.p.p_fail) for alone in (_alone(row, alpha=0.05) for row in found)
    ]
    strict = _holm([_alone(row, alpha=0.05 / 4).p.p_fail for row in found])
    assert [row.p_holm for row in found] == [max(pair) for pair in zip(strict, (row.p for row in found), strict=True)]


def _near(n_slices: int, **fields) -> JudgeRequest:
    """A gain overall; on a gated slice of 40 items worse by so little that only the uncorrected p is small."""
    ft = [0] * 12 + [1] * 3 + [1] * 25 + [1] * 360
    other = [1] * 12 + [0] * 3 + [1] * 25 + [0] * 300 + [1] * 60
    slices = {"weak": {"items": list(range(40)), "gate": True}}
    slices |= {f"s{i}": {"items": list(range(40 + 30 * i, 70 + 30 * i))} for i in range(n_slices)}
    return _request(**({"ft": [ft], "baselines": {"p": other}, "slices": slices} | fields))


def test_a_likely_regression_withholds_fine_tune_however_many_slices_there_are():
    alone, among, without = decide(_near(0)), decide(_near(8)), decide(_near(8, slices={}))
    assert (alone.verdict, among.verdict, without.verdict) == ("PROMPT", "INCONCLUSIVE", "FINE_TUNE")
    weak = among.slices[0]
    assert (weak.withholds, weak.regressed) == (True, False)
    assert weak.p == alone.slices[0].p <= 0.05 < weak.p_holm
    assert among.reasons[0].startswith("On weak (40 items) fine-tuning scores 22.5 points lower than p; ")
    assert "a regression is not proven, but cannot be set aside (p = 0.0" in among.reasons[0]
    assert "fresh test items" in among.reasons[-1]


def test_a_family_more_cannot_weaken_a_gated_slice():
    families = _near(0).baselines | {f"f{i}": [0] * N for i in range(6)}
    assert decide(_near(0, baselines=families)).verdict == "INCONCLUSIVE"


def test_slices_that_cannot_be_tested_cost_the_others_nothing():
    clusters = ["one"] * BAD + [f"doc{i // 2}" for i in range(N - BAD)]
    slices = {"worse": {"items": list(range(BAD, BAD + 60))}}
    flipped = {"zero_shot": [1] * (BAD + 60) + [0] * (N - BAD - 60)}
    ft = [[0] * (BAD + 60) + [1] * (N - BAD - 60)]
    alone = decide(_request(ft=ft, baselines=flipped, clusters=clusters, slices=slices)).slices[0]
    beside = {"a": {"items": list(range(BAD))}, **slices}
    among = decide(_request(ft=ft, baselines=flipped, clusters=clusters, slices=beside)).slices
    assert [row.test for row in among] == ["refused", "clustered"]
    assert among[1] == alone


def test_without_a_gate_a_regression_is_only_reported():
    with_slices, without = decide(_request()), decide(_request(slices={}))
    assert with_slices.verdict == without.verdict == "FINE_TUNE"
    assert with_slices.model_copy(update={"slices": []}) == without


def test_a_gated_regression_vetoes_and_says_which():
    judgement = decide(_request(slices=_gated("short")))
    assert judgement.verdict == "PROMPT"
    assert [reason[:8] for reason in judgement.reasons] == ["On short", "On short"]
    assert "(60 items) fine-tuning scores" in judgement.reasons[0]
    assert "lower than zero_shot; a regression is proven (Holm p = 0.0010)." in judgement.reasons[0]


def test_a_gate_on_a_good_slice_changes_nothing():
    judgement = decide(_request(slices=_gated("long")))
    assert judgement.verdict == "FINE_TUNE"
    assert "; no regression is proven (Holm p = 1.00)." in judgement.slices[2].reason


def test_a_veto_stands_on_a_spent_test_set_and_beside_a_failed_condition():
    spent = decide(_request(slices=_gated("short"), prior_uses_of_test_set=1))
    assert (spent.verdict, spent.reasons[0]) == ("PROMPT", "test_set_spent")
    failed = decide(_request(slices=_gated("short"), floor=0.99))
    assert [reason[:8] for reason in failed.reasons] == ["floor: F", "On short", "On short"]


def test_holm_makes_a_regression_harder_to_prove_among_many():
    ft, other = [0] * 9 + [1] * 2 + [1] * 89, [1] * 9 + [0] * 2 + [1] * 89
    one = {"a": {"items": list(range(50))}}
    many = one | {f"b{i}": {"items": list(range(50 + i, 100))} for i in range(9)}
    alone, among = (
        decide(_request(ft=[ft], baselines={"p": other}, slices=slices)).slices[0] for slices in (one, many)
    )
    assert alone.regressed
    assert not among.regressed
    assert among.p_holm == pytest.approx(10 * among.p, rel=0.2)
    assert alone.p < 2 * binomtest(9, 11, alternative="greater").pvalue


def test_a_hundred_slices_can_still_prove_a_regression():
    slices = _fields()["slices"] | {f"s{i}": {"items": [i, i + 1]} for i in range(48)}
    assert [row.regressed for row in decide(_request(slices=slices)).slices][:3] == [True, True, False]


def test_fewer_than_twenty_clusters_in_a_slice_are_refused_by_name():
    clusters = [f"doc{i // 10}" for i in range(N)]
    found = decide(_request(clusters=clusters, slices=_gated("short"))).slices
    assert (found[0].p, found[0].p_holm, found[0].regressed, found[0].test) == (1.0, 1.0, False, "refused")
    assert "6 clusters are too few" in found[0].reason
    assert found[2].test == "clustered"


def test_clusters_are_those_of_the_slice():
    clusters = [f"doc{i // 2}" for i in range(N)]
    assert decide(_request(clusters=clusters)).slices[0].regressed


def test_macro_f1_counts_only_classes_of_the_slice():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, N)
    y[:BAD] = np.where(y[:BAD] == 1, 2, y[:BAD])
    ft, other = (np.where(rng.random(N) < rate, y, rng.integers(0, 4, N)).tolist() for rate in (0.3, 0.9))
    request = _request(metric="macro_f1", y=y.tolist(), ft=[ft], baselines={"p": other})
    short = decide(request).slices[0]
    known = sorted(set(y[:BAD].tolist()))
    scores = [f1_score(y[:BAD], arm[:BAD], labels=known, average="macro", zero_division=0) for arm in (ft, other)]
    assert known == [0, 2, 3]
    assert short.effect == pytest.approx(scores[0] - scores[1])
    assert short.regressed


def test_recipe_seeds_and_missing_outputs_reach_the_slices():
    ft = [*_fields()["ft"], [None] * BAD + [1] * (N - BAD), [0] * BAD + [1] * (N - BAD)]
    found = decide(_request(ft=ft, scope="recipe")).slices
    assert found[0].test == "recipe_satterthwaite"
    assert found[0].regressed


def test_slices_of_joint_requests_share_one_correction():
    requests = [_request(), _request(metric="graded", slices={"short": _fields()["slices"]["short"]})]
    together = decide_jointly(requests).slices
    assert [row.slice for row in together] == ["short", "short", "long", "long", "short", "short"]
    alone = [row for request in requests for row in decide(request).slices]
    assert [row.p for row in together] == [row.p for row in alone]
    assert any(one.p_holm > other.p_holm for one, other in zip(together, alone, strict=True))


def test_a_slice_of_one_item_says_so():
    row = decide(_request(slices={"odd": {"items": [0]}})).slices[0]
    assert "On odd (1 item) " in row.reason
    assert not row.regressed


def test_the_command_shows_slices_with_names_as_text(tmp_path, capsys):
    file = tmp_path / "scores.json"
    name = "[red]\x1b[2Jshort[/red]"
    file.write_text(json.dumps(_fields(slices={name: {"items": list(range(BAD)), "gate": True}})))
    assert status(["judge", str(file)]) == 3
    shown = capsys.readouterr().out
    assert "[red]" in shown
    assert "\x1b[2J" not in shown
    assert "vetoes" in shown
    assert status(["judge", str(file), "--json"]) == 3
    assert [row["slice"] for row in json.loads(capsys.readouterr().out)["slices"]] == [name, name]


def test_a_verdict_without_slices_does_not_wait_for_statsmodels():
    code = (
        "import sys; from harness.judging import JudgeRequest; from harness.verdict import decide;"
        "decide(JudgeRequest(metric='binary', ft=[[1]], baselines={'p': [0]})); sys.exit('statsmodels' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
