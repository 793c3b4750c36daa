"""Bad input to `harness judge`: one line that names the field, the reason and a fix."""

import json

import pytest

from harness.errors import UserError
from harness.judging import read_request

GOOD = {"metric": "binary", "ft": [[0, 1] * 100], "baselines": {"zero_shot": [0] * 200}}


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
    ({"baselines": {}}, "baselines: there is nothing to beat"),
    ({"baselines": {"a\nb": [2] * 200}}, "baselines.a b[0]: 2 is neither"),
    ({"metric": "macro_f1"}, "y: metric macro_f1 needs the true labels"),
    ({"metric": "macro_f1", "y": ["a"] * 200}, "ft[0][0]: the label 0 does not occur in y"),
    ({"metric": "macro_f1", "y": [None] * 200}, "y[0]: null is wrong"),
    ({"metric": "rouge"}, 'metric: "rouge" is wrong'),
    ({"alpha": 0}, "alpha: 0 is wrong"),
    ({"alpha": 1.0}, "alpha: 1.0 is wrong"),
    ({"alpha": "0.05"}, 'alpha: "0.05" is wrong'),
    ({"margin": float("inf")}, "margin: Infinity is wrong"),
    ({"margin": -0.1}, "margin: -0.1 is wrong"),
    ({"floor": 1.5}, "floor: 1.5 is wrong"),
    ({"chosen_seed": 1}, "chosen_seed: 1 is not an index into ft"),
    ({"planned_looks": 0}, "planned_looks: 0 is wrong"),
    ({"prior_uses_of_test_set": -1}, "prior_uses_of_test_set: -1 is wrong"),
    ({"aplha": 0.05}, "aplha: unknown field. Fix: write alpha"),
    (
        {"forgetting": {"piqa": {"ft": [1], "base": [1], "metric": 1}}},
        "forgetting.piqa.metric: unknown field",
    ),
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "scores.json:1:2: not valid JSON"),
        ("", "scores.json:1:1: not valid JSON"),
        ("[1]", "scores.json: the document: [1] is wrong"),
        ('{"ft": [[1]], "ft": [[0]]}', 'the key "ft" occurs twice'),
        ("{}", "scores.json: metric: it is missing (and 2 more fields are wrong)"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_broken_documents_are_refused_in_one_line(text, message):
    with pytest.raises(UserError) as caught:
        read_request(text, source="scores.json")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
