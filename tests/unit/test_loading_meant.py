"""What a person probably meant is offered as a fix that can be pasted; a key to an API is never repeated."""

from pathlib import Path

import pytest
from workspace import assert_one_line, failure, swap, write

from harness import extras
from harness.extras import install_command

FILE = "baselines/few_shot.yaml"
HEAD = "family: few_shot\ndescription: Several.\n"
PLAIN = "variants: [{name: plain}]\n"
PLANTED = "sk-planted12"
API = "api: {{url: http://h/v1, model: m, {}}}"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "1:1", ["variants is missing", "Fix: variants: [{name: plain}]"]),
        ("variants: [{name: a, shots: 2, choose: similar}]", "3:40", ["Fix: choose: bm25"]),
        ("variants: [{name: a, shots: 2, choose: semantic}]", "3:40", ["Fix: choose: embedding"]),
        ("variants: [{name: a, shots: 2, choose: anyhow}]", "3:40", ["random, bm25, embedding", "Fix: choose: random"]),
        ("variants: [{name: a, shots: -1}]", "3:29", ["shots is -1", "Fix: shots: 0"]),
        ("variants: [{name: a, system: 'Item: {input}'}]", "3:30", ["variants.0.system has an unknown placeholder"]),
        ("search: {space: {system: ['{input}']}}", "3:27", ["search.space.system.0 has an unknown placeholder"]),
        ("search: {space: {shots: [0, -1]}}", "3:29", ["shots.1 is -1", "Fix: 0"]),
    ],
)
def test_the_fix_is_what_was_meant(root: Path, text: str, place: str, words: list[str]) -> None:
    write(root, FILE, f"{HEAD}{text}\n")
    (line,) = failure()
    assert_one_line([line], f"{FILE}:{place}", *words)
    assert "variants: variants" not in line


@pytest.mark.parametrize(
    ("setting", "column", "words"),
    [
        ("usd_per_million_in: $0.15", 55, ["is '$0.15'", "Fix: usd_per_million_in: 0.15"]),
        ("usd_per_million_in: '0,15'", 55, ["Fix: usd_per_million_in: 0.15"]),
        ("usd_per_million_in: -2", 55, ["at least 0", "Fix: usd_per_million_in: 0.15"]),
        ("usd_per_million_out: 0.6 USD", 56, ["Fix: usd_per_million_out: 0.6"]),
        ("price: 3", 35, ["did you mean usd_per_million_in?"]),
        (f"api_key: {PLANTED}", 35, ["api.api_key is not a known key", "write key_env: OPENAI_API_KEY"]),
        (f"key: {PLANTED}", 35, ["api.key is not a known key", "write key_env: OPENAI_API_KEY"]),
        (f"key_env: [{PLANTED}]", 35, ["api.key_env is not shown here", "Fix: key_env: OPENAI_API_KEY"]),
    ],
)
def test_other_names_and_prices_of_an_api_are_understood(
    root: Path, setting: str, column: int, words: list[str]
) -> None:
    write(root, FILE, f"{HEAD}{PLAIN}{API.format(setting)}\n")
    lines = failure()
    assert_one_line(lines, f"{FILE}:4:{column}", *words)
    assert PLANTED not in lines[0]


@pytest.mark.parametrize("name", ["base_url", "endpoint"])
def test_another_name_of_the_address_is_one_mistake(root: Path, name: str) -> None:
    write(root, FILE, f"{HEAD}{PLAIN}api: {{{name}: http://h/v1, model: m}}\n")
    assert_one_line(failure(), f"{FILE}:4:7", f"api.{name} is not a known key", "did you mean url?")


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        (f"api: {PLANTED}", 6, ["api is not shown here", "needs a mapping", "Fix: api: {url: "]),
        (f"api: [{PLANTED}]", 1, ["api is not shown here", "Fix: api: {url: "]),
        ("api: http://h/v1", 6, ["Fix: api: {url: http://h/v1, model: "]),
        (f"api_key: {PLANTED}", 1, ["api_key is not a known key", "belongs under api", "key_env: OPENAI_API_KEY"]),
        ("endpoint: http://h/v1", 1, ["belongs under api; write url there"]),
    ],
)
def test_an_api_in_another_form_is_shown_its_form(root: Path, text: str, column: int, words: list[str]) -> None:
    write(root, FILE, f"{HEAD}{PLAIN}{text}\n")
    lines = failure()
    assert_one_line(lines, f"{FILE}:4:{column}", *words)
    assert PLANTED not in lines[0]


def test_an_earlier_version_behind_an_api_is_one_message(root: Path) -> None:
    write(root, "experiments/earlier.yaml", "task: qa\n")
    write(root, FILE, f"{HEAD}{PLAIN}previous: experiment:earlier\n{API.format('retries: 1')}\n")
    assert_one_line(failure(), f"{FILE}:4:1", "previous and api are both given", "Fix: leave one of them out")


def test_without_an_earlier_experiment_there_is_none_to_offer(root: Path) -> None:
    write(root, FILE, f"{HEAD}{PLAIN}previous: 'experiment:'\n")
    assert_one_line(failure(), f"{FILE}:4:11", "no experiment is named", "Fix: run an earlier experiment first")


@pytest.mark.parametrize("source", ["hub:owner/name", "hub:a/b/c", "https://h/corpus.jsonl"])
def test_no_corpus_is_offered_the_hub(root: Path, source: str) -> None:
    swap(root, "tasks/qa/task.yaml", "kind: generation\n", f"kind: generation\ncorpus: {{source: '{source}'}}\n")
    (line,) = failure()
    assert_one_line([line], "tasks/qa/task.yaml:4:18", "Fix: download it into the workspace and name the file")
    assert "OWNER" not in line


def test_an_extra_is_installed_from_the_clone_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "CODE", tmp_path)
    assert install_command("api") == "pip install 'llm-harness[api]'"
    write(tmp_path, "pyproject.toml", "")
    assert install_command("api") == f"pip install -e '{tmp_path}[api]'"
    monkeypatch.chdir(tmp_path)
    assert install_command("api") == "pip install -e '.[api]'"
