"""Bad input to `harness judge`: one line that names the field, the reason and a fix."""

import json

import pytest
from pydantic import ValidationError

from harness.errors import UserError
from harness.judge_input import read_request
from harness.judging import JudgeRequest

GOOD = {"metric": "binary", "ft": [[0, 1] * 100], "baselines": {"zero_shot": [0] * 200}}
LONG = "1" * 5_001
"""More digits than Python converts."""


BAD = [
    ({"ft": [[1] * 200, [1] * 199]}, "ft[1]: it has 199 entries where ft has 200"),
    ({"baselines": {"p": [1] * 3}}, "baselines.p: it has 3 entries"),
    ({"clusters": [1, 2]}, "clusters: it has 2 entries"),
    ({"forgetting": {"piqa": {"ft": [1, 0], "base": [1]}}}, "forgetting.piqa.base: it has 1 entries"),
    ({"ft": [[float("nan")] * 200]}, "ft[0][0]: NaN is not a number"),
    ({"metric": "graded", "ft": [[1.5] * 200]}, "ft[0][0]: the score 1.5 is outside 0 to 1"),
    ({"ft": [[0.5] * 200]}, "ft[0][0]: 0.5 is neither 0 nor 1"),
    ({"ft": [["1"] * 200]}, 'ft[0][0]: "1" is not a number'),
    ({"ft": [[[1]] * 200]}, "ft[0][0]: [1] is not a number"),
    ({"ft": [[10**400] * 200]}, "ft[0][0]: 1000"),
    ({"ft": []}, "ft: it holds no items"),
    ({"ft": [[]]}, "ft: it holds no items"),
    ({"ft": 3}, "ft: 3 is wrong"),
    (
        {"ft": [1, None, 1]},
        "ft: it is one flat list; it needs one list per training seed. Fix: [[1, null, 1]]",
    ),
    (
        {"ft": ["no", "yes", 1, 1, 1]},
        'ft: it is one flat list; it needs one list per training seed. Fix: [["no", "yes", 1',
    ),
    ({"ft": [1] * 200, "metric": 1}, "metric: 1 is wrong (and 1 more field is wrong)"),
    ({"ft": [1] * 200, "metric": None, "alpha": 2}, "alpha: 2 is out of range (and 2 more fields are wrong)"),
    ({"ft": [[1], 1]}, "ft[1]: 1 is wrong. Fix: give a list"),
    ({"baselines": {}}, "baselines: there is nothing to beat"),
    ({"baselines": {"a\nb": [2] * 200}}, "baselines.a b[0]: 2 is neither"),
    ({"metric": "macro_f1"}, "y: metric macro_f1 needs the true labels"),
    ({"metric": "macro_f1", "y": ["a"] * 200}, "ft[0][0]: the label 0 does not occur in y"),
    ({"metric": "macro_f1", "y": [None] * 200}, "y[0]: null is wrong"),
    ({"metric": "rouge"}, 'metric: "rouge" is wrong'),
    ({"alpha": 0}, "alpha: 0 is out of range"),
    ({"alpha": 1.0}, "alpha: 1.0 is out of range"),
    ({"alpha": "0.05"}, 'alpha: "0.05" is wrong'),
    ({"margin": float("inf")}, "margin: Infinity is wrong"),
    ({"margin": -0.1}, "margin: -0.1 is out of range"),
    ({"floor": 1.5}, "floor: 1.5 is out of range"),
    ({"chosen_seed": 1}, "chosen_seed: 1 is not an index into ft"),
    ({"planned_looks": 0}, "planned_looks: 0 is out of range"),
    ({"planned_looks": 101}, "planned_looks: 101 is out of range. Fix: give a number of at most 100"),
    ({"planned_looks": 10**400}, "planned_looks: 1000"),
    ({"alpha": 5e-324}, "alpha: 5e-324 is out of range. Fix: give a number of at least 1e-06"),
    ({"chosen_seed": 10**4199}, "chosen_seed: 1000"),
    ({"clusters": [1, None] * 100}, "clusters[1]: null is wrong (and 99 more fields are wrong). Fix: give one name"),
    ({"y": [None] * 200}, "y[0]: null is wrong (and 199 more fields are wrong). Fix: give the true label"),
    ({"foo": 1}, "foo: unknown field. Fix: remove it"),
    ({"items": [1]}, "items: unknown field. Fix: remove it"),
    ({"x" * 9000: 1}, f"{'x' * 57}...: unknown field. Fix: remove it"),
    ({"baselines": {"\ud800": [2] * 200}}, "baselines.\\ud800[0]: 2 is neither"),
    ({"forgetting": {"\ud800": {"ft": [1]}}}, "forgetting.\\ud800.base: it is missing"),
    ({"metric": "\ud800"}, 'metric: "\\ud800" holds half of a character'),
    ({"baselines": {"x" * 9000: [2] * 200}}, f"baselines.{'x' * 57}...[0]: 2 is neither"),
    ({"prior_uses_of_test_set": -1}, "prior_uses_of_test_set: -1 is out of range"),
    ({"aplha": 0.05}, "aplha: unknown field. Fix: write alpha"),
    (
        {"forgetting": {"piqa": {"ft": [1], "base": [1], "metric": 1}}},
        "forgetting.piqa.metric: unknown field",
    ),
    ({"slices": {"short": {"items": [0, 1, 2, 200]}}}, "slices.short.items[3]: 200 is not the index of a test item"),
    ({"slices": {"short": {"items": [-1]}}}, "slices.short.items[0]: -1 is not the index of a test item"),
    ({"slices": {"short": {"items": [10**400]}}}, "slices.short.items[0]: 1000"),
    ({"slices": {"short": {"items": [4, 7, 4]}}}, "slices.short.items[2]: item 4 occurs twice"),
    ({"slices": {"short": {"items": []}}}, "slices.short.items: it holds no items"),
    ({"slices": {"short": {"items": [True]}}}, "slices.short.items[0]: true is wrong"),
    ({"slices": {"short": {"items": [0.0]}}}, "slices.short.items[0]: 0.0 is wrong"),
    ({"slices": {"short": {"items": "all"}}}, 'slices.short.items: "all" is wrong'),
    ({"slices": {"short": [0, 1]}}, "slices.short: [0, 1] is wrong"),
    ({"slices": {"short": {}}}, "slices.short.items: it is missing"),
    ({"slices": {"short": {"items": [0], "gate": 1}}}, "slices.short.gate: 1 is wrong"),
    ({"slices": {"short": {"items": [0], "gates": True}}}, "slices.short.gates: unknown field. Fix: write gate"),
    ({"slices": {"short": {"items": [0]}}, "baselines": {}, "floor": 0.5}, "slices: there is no prompt family"),
]


@pytest.mark.parametrize(("fields", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input_names_field_reason_and_fix(fields, message):
    with pytest.raises(UserError) as caught:
        read_request(json.dumps(GOOD | fields), source="scores.json")
    text = str(caught.value)
    assert f"scores.json: {message}" in text
    assert "Fix: " in text
    assert "\n" not in text
    assert len(text) < 300


@pytest.mark.parametrize("fields", [{"ft": [[2] * 200]}, {"slices": {"short": {"items": [200]}}}])
def test_the_model_refuses_bad_content_by_itself(fields):
    with pytest.raises(ValidationError):
        JudgeRequest.model_validate(GOOD | fields)


def test_numbers_beyond_any_plan_are_read() -> None:
    request = JudgeRequest.model_validate(GOOD | {"planned_looks": 100, "prior_uses_of_test_set": 10**400})
    assert request.prior_uses_of_test_set == 1_000_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "scores.json:1:2: not valid JSON"),
        ("", "scores.json:1:1: not valid JSON"),
        ("[1]", "scores.json: the document: [1] is wrong"),
        ('{"ft": [[1]], "ft": [[0]]}', 'the key "ft" occurs twice'),
        ("{}", "scores.json: metric: it is missing (and 2 more fields are wrong)"),
        ("[" * 100_000, "nested too deeply. Fix: write one object"),
        ('{"ft": [[' + "[" * 900 + "]" * 900 + "]]}", "scores.json: metric: it is missing"),
        (" ", "scores.json:1:2: not valid JSON: it is empty. Fix: give metric, ft and baselines"),
        (
            f'{{"metric": "binary", "ft": [[1]], "baselines": {{}}, "chosen_seed": {LONG}}}',
            "chosen_seed: a number of 5,0",
        ),
        (f'{{"metric": "binary", "ft": [[{LONG}]], "baselines": {{}}, "floor": 0.5}}', "ft[0][0]: a number of 5,001"),
    ],
)
def test_broken_documents_are_refused_in_one_line(text, message):
    with pytest.raises(UserError) as caught:
        read_request(text, source="scores.json")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_standard_input_is_called_by_its_name():
    with pytest.raises(UserError) as caught:
        read_request(json.dumps(GOOD | {"ft": [1]}), source="-")
    assert str(caught.value).startswith("standard input: ft: it is one flat list")
