"""Slices, forms, leaked items and what the clock measured are shown where they were asked for."""

import report_parts as parts
import report_samples as samples
from report_reading import Page, terminal

from harness.report import formats
from harness.report.document import Report
from harness.report.html import render_html
from harness.report.markdown import render_markdown


def test_slices_forms_and_doubt_are_shown_where_they_were_measured():
    report = samples.fine_tune_report()
    page, text = Page(render_html(report)).text, render_markdown(report)
    for output in (page, text):
        for row in report.slices:
            assert row.slice in output
            assert formats.signed(row.effect) in output
        assert "regressed" in output
        assert "blocked" in output
        assert "merged, 4-bit" in output
        assert report.power[0] in output
    assert "merged, 4-bit: blocked, −4.1 against the adapter" in terminal(report)
    bare = render_markdown(
        samples.bare_report().model_copy(update={"slices": [], "ships": [], "power": [], "uncertainty": []})
    )
    assert "May ship" not in bare
    assert "Parts of the test set" not in bare


def test_leaked_items_are_shown_with_the_verdict_they_would_give():
    report = samples.inconclusive_report()
    said = "3 test items that training or selection has seen are left out; with them the verdict is FINE_TUNE."
    assert said in Page(render_html(report)).text
    assert said.replace("FINE_TUNE", "FINE\\_TUNE") in render_markdown(report)


def test_what_the_clock_measured_is_shown_like_any_condition():
    late = parts.condition("latency", 0.91, 0.03, (0.9, 0.01), "fail", margin=0.95)
    report = samples.fine_tune_report()
    report = report.model_copy(update={"timing": {**report.timing, "gates": [late.model_dump(mode="json")]}})
    for output in (Page(render_html(report)).text, render_markdown(report), terminal(report)):
        assert "Answers come in time" in output
        assert "91.0" in output


def test_the_effort_of_every_family_and_both_sides_is_shown():
    report = samples.prompt_report()
    page, text, screen = Page(render_html(report)).text, render_markdown(report), terminal(report)
    for row in (*report.effort, *report.effort_by_family):
        numbers = (row.configurations, row.tokens_in, row.tokens_out, row.tokens_trained)
        for number in map(formats.count, numbers):
            assert number in page
            assert number in text
    for words in ("2 min", "22 min", "0.031", "660,710", "1,883,314"):
        assert all(words in output for output in (page, text, screen))
    assert all("Prompting got 35% of the tokens of tuning" in output for output in (page, text, screen))
    said = "time only what was computed: an answer that .harness/answers.sqlite held already took none."
    assert said in page
    assert said in text
    assert "487,420" in screen, "a champion's row tells what its family took"


def test_a_report_from_before_families_were_counted_is_read_and_shown():
    old = samples.fine_tune_report().model_dump(mode="json")
    for name in ("effort_by_family", "effort_notes"):
        del old[name]
    del old["timing"]["effort"]
    for row in old["effort"]:
        del row["family"], row["dollars"]
    report = Report.model_validate(old)
    page, text, screen = Page(render_html(report)).text, render_markdown(report), terminal(report)
    assert all(number in output for output in (page, text) for number in ("612,480", "702,144"))
    assert "Effort: prompting tried 9, 660,710 tokens; tuning tried 4, 883,314 tokens." in " ".join(screen.split())
    assert not any("dollars" in output.casefold() for output in (page, text))


def test_how_every_champion_takes_its_answer_is_shown():
    arm = parts.arm("few_shot/four", "4 shots, likeliest label, “Is it?”", 0.5, **parts.tested(0.5, 80, 1))
    report = samples.fine_tune_report()
    report = report.model_copy(update={"leaderboard": [arm, *report.leaderboard]})
    for output in (Page(render_html(report)).text, render_markdown(report)):
        assert "4 shots, likeliest label" in output
