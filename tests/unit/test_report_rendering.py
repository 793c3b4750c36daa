"""What a reader sees: every number, in order, and nothing that a model wrote taken as anything but text."""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
import report_samples as samples
from markdown_it import MarkdownIt
from report_families import CHAMPIONS, six_families_report
from report_reading import Page, beside_blocks, terminal

from harness.records import Epoch
from harness.report import curves, formats, text
from harness.report.data_rows import Answer, ShownExample
from harness.report.document import GateCondition, Report
from harness.report.html import LONGEST, render_html
from harness.report.markdown import render_markdown

TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
SAMPLES: list[Callable[[], Report]] = [
    samples.fine_tune_report,
    samples.prompt_report,
    samples.inconclusive_report,
    samples.bare_report,
    samples.many_trials_report,
    samples.many_labels_report,
    samples.hostile_report,
    six_families_report,
]


def condition_numbers(found: GateCondition) -> list[str]:
    shown = formats.points if found.name == "floor" else formats.signed
    scores = [shown(value) for value in (found.effect, found.margin, found.low, found.high)]
    counts = [formats.count(number) for number in (found.n, found.n_needed) if number is not None]
    return [*scores, *counts, formats.p_value(found.p_pass), formats.p_value(found.p_fail)]


@pytest.mark.parametrize("sample", SAMPLES)
def test_html_is_one_well_formed_file_that_loads_nothing(sample):
    page = Page(render_html(sample()))
    loading = {"script", "link", "iframe", "img", "object", "embed", "base", "form", "input", "a:href"}
    assert not loading & set(page.tags)
    links = [value for _, name, value in page.attributes if name in ("href", "src", "action", "xlink:href")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]
    policy = [value for tag, name, value in page.attributes if tag == "meta" and name == "content"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policy
    assert page.tags.count("style") == 1
    assert not page.comments


@pytest.mark.parametrize("sample", SAMPLES)
def test_html_style_loads_nothing(sample):
    style = re.search(r"<style>(.*?)</style>", render_html(sample()), re.DOTALL)
    assert style
    assert not re.search(r"@import|url\(|https?:|//", style[1])


@pytest.mark.parametrize("sample", SAMPLES)
def test_html_headings_follow_in_order_and_every_drawing_and_table_has_a_name(sample):
    html = render_html(sample())
    levels = [int(tag[1]) for tag in Page(html).tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert html.count("<table") == html.count("<caption")
    for drawing in re.findall(r"<svg[^>]*>.{0,9}", html, re.DOTALL):
        named = 'role="img"' in drawing and "<title>" in drawing
        assert named or "aria-hidden" in drawing or 'overflow="visible"' in drawing
    ids = [value for _, name, value in Page(html).attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_html_keeps_the_agreed_order():
    html = render_html(samples.fine_tune_report())
    marks = ['class="badge"', "<h1>", 'class="reasons"', "Before you decide", "What had to be proven</h2>"]
    marks += [
        "Leaderboard</h2>",
        "Prompts</h2>",
        "The search</h2>",
        "What was tried and why it lost</h2>",
        "Forgetting</h2>",
        "Equal effort</h2>",
        "Data</h2>",
    ]
    marks += ["Examples side by side</h2>", "The experiment as it was run", "Provenance", "Timing"]
    places = [html.index(mark) for mark in marks]
    assert places == sorted(places)


@pytest.mark.parametrize("sample", [samples.fine_tune_report, samples.prompt_report, samples.inconclusive_report])
def test_every_number_of_every_condition_is_shown(sample):
    report = sample()
    outputs = (Page(render_html(report)).text, render_markdown(report).replace("&lt;", "<"), terminal(report))
    for output in outputs:
        assert report.verdict in output
        for found in report.conditions:
            assert found.outcome in output
            assert [number for number in condition_numbers(found) if number not in output] == []


def test_sentences_reasons_and_warnings_are_shown():
    report = samples.inconclusive_report()
    page = Page(render_html(report)).text
    for sentence in [
        *(found.sentence for found in report.conditions),
        *report.reasons,
        *report.warnings,
        report.headline,
    ]:
        assert sentence in page


def test_long_names_are_whole_and_wrap_beside_the_bars_and_in_the_table():
    html = render_html(six_families_report())
    (drawn,) = re.findall(r'<figure class="bars">.*?</figure>', html, re.DOTALL)
    board = re.findall(r'<table class="board">.*?</table>', html, re.DOTALL)[0]
    # Text of a drawing cannot wrap, so none stands there but the numbers of the axis.
    assert re.findall(r"<text[^>]*>([^<]*)</text>", drawn) == ["0", "20", "40", "60", "80"]
    for name in CHAMPIONS:
        wrapping = "<code>" + re.sub("([/_])", r"\1<wbr>", name) + "</code>"
        assert wrapping in drawn
        assert wrapping in board


def test_hostile_text_is_only_text_in_html():
    page = Page(render_html(samples.hostile_report()))
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
    assert text.one_line(samples.HOSTILE) in page.text
    known = set(Page(render_html(samples.fine_tune_report())).tags) | {"ul", "li"}
    assert set(page.tags) <= known
    assert "evil" not in "".join(value for tag, name, value in page.attributes if name != "aria-label")


def test_hostile_text_is_only_text_in_markdown():
    report = samples.hostile_report()
    markdown = render_markdown(report)
    rendered = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)
    tags = set(Page(rendered).tags)
    assert tags <= {"h1", "h2", "h3", "p", "ul", "li", "strong", "code", "pre", "blockquote", *TABLE}
    assert text.one_line(samples.HOSTILE) in Page(rendered).text
    assert "\x1b" not in markdown
    assert "\u202e" not in markdown
    for hostile in ("<script", "</style", "```", "://", "www.", "a|b"):
        assert hostile not in beside_blocks(markdown)
    assert not re.search(r"(?<!\\)\]\(", beside_blocks(markdown))
    tables = re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE)
    for table in tables:
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(bars) == 1


def test_hostile_text_is_only_text_in_the_terminal():
    report = samples.hostile_report()
    screen = terminal(report)
    assert "\x1b" not in screen
    assert "\u202e" not in screen
    for literal in ("[bold]x[/bold]", "<script>alert(1)</script>", "⟨U+001B⟩[31m", ":smile:"):
        assert literal in "".join(terminal(report, width=2000))
    allowed = re.compile(r"\x1b\[[\d;]*m")
    coloured = allowed.sub("", terminal(report, colour=True))
    assert "\x1b" not in coloured
    assert "\x07" not in coloured


@pytest.mark.parametrize("sample", SAMPLES)
def test_outputs_can_be_written_as_utf8_and_markdown_lines_start_as_meant(sample):
    report = sample()
    for output in (render_html(report), render_markdown(report), terminal(report)):
        assert output.encode("utf-8")
    starts = re.compile(
        r"(?:#{1,3} |- |\| |> |>$|\*\*|Task |A regression |The same|Model |Not |Nothing |No |\d+ more|$|"
        r"On validation\. |System message:|Template:$|As asked for |Worked examples or )"
    )
    assert all(starts.match(line) for line in beside_blocks(render_markdown(report)).splitlines())


@pytest.mark.parametrize("sample", [samples.fine_tune_report, samples.prompt_report, samples.inconclusive_report])
def test_terminal_fits_one_screen(sample):
    lines = terminal(sample()).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert "…" not in terminal(sample())


def test_the_terminal_shows_six_families_on_one_screen_and_cuts_no_name():
    report = six_families_report()
    reasons = [f"{found.name}: {found.sentence}" for found in report.conditions]
    for shown in (report, report.model_copy(update={"reasons": reasons})):
        lines = terminal(shown, width=100).splitlines()
        assert len(lines) <= 40
        assert all(any(name in line and "74,373" in line for line in lines) for name in CHAMPIONS)
    narrow = terminal(report)
    assert "…" not in narrow
    assert max(map(len, narrow.splitlines())) <= 80


def test_the_terminal_sums_effort_up_in_a_line():
    screen = " ".join(terminal(six_families_report()).split())
    assert "Effort: prompting tried 9, 660,710 tokens, 2 min, $0.031; tuning tried 4, 883,314 tokens, 22 min." in screen
    assert "more search.trials even it." in screen
    assert "two families share" not in screen


def test_without_a_finished_trial_the_page_says_so():
    report = samples.bare_report()
    page = Page(render_html(report)).text
    for words in ("no trial finished", "Nothing was tested", "loss is not finite at step 3", "Not measured"):
        assert words in page
    assert "Nothing was tested" in terminal(report)
    assert "1 failed" in terminal(report)
    assert "Not measured" in render_markdown(report)


def test_nothing_at_all_still_renders():
    empty = {"leaderboard": [], "trials": [], "effort": [], "best_prompt": ""}
    report = samples.bare_report().model_copy(update=empty)
    assert "No configuration was scored" in Page(render_html(report)).text
    assert "No trial was run" in render_markdown(report)
    assert "no trial was run" in terminal(report)


def test_a_champion_without_test_scores_or_interval():
    report = samples.fine_tune_report()
    untested = {"test": None, "low": None, "high": None}
    board = [arm.model_copy(update=untested) for arm in report.leaderboard]
    report = report.model_copy(update={"leaderboard": board})
    assert "not scored on test" in Page(render_html(report)).text
    assert render_markdown(report)
    assert terminal(report)


def test_long_empty_and_foreign_answers():
    arms = [("long", "x" * 5000), ("none", " \n"), ("right", "שלום\u202e")]
    answers = [Answer(arm=name, text=said, score=0.5) for name, said in arms]
    example = ShownExample(id="7", input="?", reference="", answers=answers)
    report = samples.fine_tune_report().model_copy(update={"examples": [example]})
    page = Page(render_html(report)).text
    assert "x" * LONGEST + "… (3,000 more characters)" in page
    assert "x" * (LONGEST + 1) not in page
    assert page.count("(empty)") == 2
    assert "שלום⟨U+202E⟩" in page
    assert render_markdown(report).count("(empty)") == 2


def test_thirty_trials_are_all_in_the_table_and_in_the_curves():
    report = samples.many_trials_report()
    html = render_html(report)
    statuses = [trial.status for trial in report.trials if trial.epochs]
    assert html.count('class="curve complete') == statuses.count("complete")
    assert html.count('class="curve pruned') == statuses.count("pruned") + 1  # One more in the legend.
    assert html.count('class="curve complete chosen"') == 1
    rows = [
        line for line in render_markdown(report).splitlines() if re.match(r"\| (\*\*)?\d+(\*\* \(chosen\))? \|", line)
    ]
    assert len(rows) == 30


def test_all_seventy_seven_labels_are_in_the_spec():
    page = Page(render_html(samples.many_labels_report())).text
    assert all(f'"card_payment_{number}"' in page for number in range(77))


def test_what_is_not_finite_is_not_drawn():
    epoch = Epoch(epoch=1, train_loss=float("nan"), tokens=1, validation={"rougeL": float("nan")})
    trial = samples.fine_tune_report().trials[0].model_copy(update={"epochs": [epoch]})
    assert curves.learning_curves([trial], metric="rougeL", chosen=None) == ""
    report = samples.fine_tune_report().model_copy(update={"trials": [trial]})
    assert "not finite" in Page(render_html(report)).text
