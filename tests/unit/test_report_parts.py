"""The small parts under the report: formats, hostile text, ticks and curves."""

import re
from itertools import pairwise

import pytest
import report_samples as samples

from harness.report import curves, formats, svg, text, views


def test_one_epoch_of_one_trial_is_a_point():
    trial = samples.fine_tune_report().trials[3]
    drawing = curves.learning_curves([trial], metric="rougeL", chosen=3)
    assert drawing.count("<path") == 1
    assert 'x="49.5%"' in drawing


def test_labels_of_curves_do_not_touch():
    drawing = curves.learning_curves(samples.many_trials_report(count=9).trials, metric="rougeL", chosen=2)
    places = re.findall(r'class="label[^"]*" x="([\d.]+)%" y="([\d.]+)"', drawing)
    for at in {x for x, _ in places}:
        heights = sorted(float(y) for x, y in places if x == at)
        assert all(b - a >= curves.LABEL_GAP - 0.01 for a, b in pairwise(heights))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (formats.points(0.4413), "44.1"),
        (formats.points(None), "–"),
        (formats.signed(0.0561), "+5.6"),
        (formats.signed(-0.0004), "0.0"),
        (formats.signed(-0.03), "−3.0"),
        (formats.interval(-0.001, None), ""),
        (formats.p_value(0.00004), "<0.0001"),
        (formats.p_value(0.03124), "0.0312"),
        (formats.p_value(0.44), "0.44"),
        (formats.count(12345), "12,345"),
        (formats.count(7.25), "7.2"),
        (formats.duration(75.2), "75 s"),
        (formats.duration(1312.4), "22 min"),
        (formats.duration(9000), "2.5 h"),
        (formats.duration(None), "–"),
        (formats.dollars(1234.5), "1,234.50"),
        (formats.dollars(0.003149), "0.0031"),
        (formats.dollars(0.0), "0.00"),
        (formats.dollars(None), "–"),
        (formats.plain(3.2e-4), "0.00032"),
        (formats.plain([1e-5, None, True]), "1e-05, –, true"),
        (dict(formats.flattened({"a": {"b": 1, "c": {}}})), {"a.b": "1", "a.c": "–"}),
    ],
)
def test_formats(shown, expected):
    assert shown == expected


def test_ticks_are_round_and_inside():
    assert svg.ticks(-0.047, 0.091) == [0.0, 0.05]
    assert svg.ticks(0.0, 0.45, about=5) == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert svg.ticks(1, 1) == [1]


def test_hidden_characters_are_spelt_out_and_letters_are_kept():
    assert text.visible("a\r\nb\tc") == "a\nb\tc"
    assert text.visible("\x00\x85\u2066\ufeff\ud800") == "⟨U+0000⟩⟨U+0085⟩⟨U+2066⟩⟨U+FEFF⟩⟨U+D800⟩"
    assert text.visible("👩‍🚀 é שלום नमस्ते") == "👩‍🚀 é שלום नमस्ते"
    assert text.shortened("one\n two", limit=5) == "one…"
    assert text.both_ends("few_shot/three", limit=9) == "few_…hree"
    assert text.both_ends("few_shot", limit=8) == "few_shot"


def test_parameters_that_never_vary_are_told_once():
    trials = samples.fine_tune_report().trials
    assert views.shared_params(trials) == {"alpha_over_rank": 2.0, "target_modules": "all-linear"}
    assert views.varied_params(trials) == ["rank", "learning_rate", "epochs", "dropout"]
    assert views.varied_params(trials[:1])[0] == "rank"
