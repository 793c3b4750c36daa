"""A family whose model is behind an API: its mistakes are placed, its costs counted, its key written nowhere."""

from pathlib import Path

import pytest
from fake_world import FakeWorld, fake_setup
from workspace import assert_one_line, failure, make_workspace, swap

from harness.cli.main import status
from harness.errors import UserError
from harness.loading import load_experiment
from harness.runner.execute import write_step
from harness.specs import ApiSpec

FILE = "baselines/zero_shot.yaml"
SHIPPED = Path(__file__).parents[2] / "baselines" / "bigger_model.yaml"
PLANTED = "hunter2-planted"


def with_api(root: Path, text: str) -> None:
    swap(root, FILE, "variants:", f"{text}\nvariants:")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (
            "api: {url: api.openai.com/v1, model: m}",
            "3:12",
            ["api.url is no address", "Fix: url: https://api.openai.com"],
        ),
        ("api: {url: 'gpu-box:8000/v1', model: m}", "3:12", ["is no address", "Fix: url: http://gpu-box:8000/v1"]),
        (
            "api: {url: 'ftp://h/v1', model: m}",
            "3:12",
            ["needs http:// or https://", "Fix: url: http://localhost:8000"],
        ),
        (
            "api: {url: 'https://h/v1/chat/completions', model: m}",
            "3:12",
            ["one kind of request", "Fix: url: https://h/v1"],
        ),
        (f"api: {{url: {PLANTED}, model: m}}", "3:12", ["is no address", "Fix: url: http://localhost:8000"]),
        ("api: {url: 'http://', model: m}", "3:12", ["a host"]),
        ("api: {url: 'http://h:99999', model: m}", "3:12", ["is no address"]),
        ("api: {url: 'http://h/a b', model: m}", "3:12", ["no blanks"]),
        (f"api: {{url: 'https://me:{PLANTED}@h:8/v1', model: m}}", "3:12", ["key_env", "Fix: url: https://h:8/v1"]),
        (f"api: {{url: 'https://{PLANTED}@h', model: m}}", "3:12", ["Fix: url: https://h"]),
        (f"api: {{url: 'https://h/v1?key={PLANTED}', model: m}}", "3:12", ["Fix: url: https://h/v1"]),
        (f"api: {{url: 'https://h/v1#{PLANTED}', model: m}}", "3:12", ["reports show it"]),
        (
            f"api: {{url: http://h, model: m, key_env: sk-{PLANTED}}}",
            "3:41",
            ["key_env is not the name", "OPENAI_API_KEY"],
        ),
        ("api: {url: http://h, model: m, key_env: ''}", "3:41", ["key_env is not the name", "Fix: key_env: null"]),
        ("api: {url: http://h, model: m, key_env: none}", "3:41", ["key_env is not the name", "Fix: key_env: null"]),
        (f"api: {{url: http://h, model: m, api_key: {PLANTED}}}", "3:32", ["api.api_key is not a known key"]),
        ("api: {url: http://h, model: ''}", "3:29", ["api.model is ''"]),
        ("api: {url: http://h, model: m, parallel: 0}", "3:42", ["at least 1"]),
        ("api: {url: http://h}", "3:1", ["api.model is missing"]),
        ("decoding: [likelihood]\napi: {url: http://h, model: m}", "3:1", ["how likely a label is", "[generate]"]),
        (
            "decoding: [generate, likelihood]\napi: {url: http://h, model: m}",
            "3:1",
            ["decoding is [generate, likelihood]", "how likely a label is", "Fix: decoding: [generate]"],
        ),
    ],
)
def test_a_wrong_api_is_one_line_without_the_secret(root: Path, text: str, place: str, words: list[str]) -> None:
    with_api(root, text)
    lines = failure()
    assert_one_line(lines, f"{FILE}:{place}", *words)
    assert PLANTED not in lines[0]


def test_labels_are_generated_where_an_api_answers(root: Path) -> None:
    swap(root, "experiments/first.yaml", "task: qa", "task: mood")
    with_api(root, "api: {url: http://h/v1, model: m}")
    swap(
        root,
        "experiments/first.yaml",
        "    exact_match: {floor: 0.2}\n  rouge: {floor: 0.1}",
        "    accuracy: {floor: 0.2}",
    )
    world = FakeWorld(lambda step, world: 0.5, metrics=("accuracy", "macro_f1"))
    found = world.reach(fake_setup(load_experiment(root / "experiments" / "first.yaml")), goal="baselines")
    ways = {scored.arm.name: scored.arm.labels for scored in found.baselines}
    assert ways["zero_shot/plain"] == ()
    assert "zero_shot/plain_by_likelihood" not in ways
    assert ways["few_shot/two_by_likelihood"] == ("good", "bad")


def test_prices_and_limits_are_no_part_of_an_answer_and_the_model_is(root: Path) -> None:
    def keys(api: str) -> set[str]:
        before = (root / FILE).read_text()
        with_api(root, f"api: {{url: http://h/v1, model: m{api}}}")
        world = FakeWorld(lambda step, world: 0.5)
        world.reach(fake_setup(load_experiment(root / "experiments" / "first.yaml")), goal="baselines")
        (root / FILE).write_text(before)
        return {step.key for step in world.log if step.inputs.get("engine") == "openai"}

    first = keys("")
    assert len(first) == 2
    assert keys(", usd_per_million_in: 3, retries: 9, parallel: 2, key_env: OTHER, timeout_seconds: 5.0") == first
    assert not keys("2") & first


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("http://llm.example.com/v1", True),
        ("HTTP://8.8.8.8:8000/v1", True),
        ("http://[2001:4860:4860::8888]/v1", True),
        ("http://10.example.com", True),
        ("https://llm.example.com/v1", False),
        ("http://localhost:8000/v1", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://192.168.1.7/v1", False),
        ("http://10.0.0.7/v1", False),
        ("http://gpu-box:8000/v1", False),
        ("http://gpu.local/v1", False),
        ("http://host.docker.internal/v1", False),
    ],
)
def test_a_key_in_the_clear_is_one_that_leaves_the_house_unencrypted(url: str, bare: bool) -> None:
    assert ApiSpec(url=url, model="m").bares_key == bare
    assert not ApiSpec(url=url, model="m", key_env=None).bares_key


def test_a_run_warns_of_a_key_in_the_clear_before_anything_is_asked(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def begun(*_: object, **__: object) -> None:
        raise UserError("begun")

    monkeypatch.setenv("MY_KEY", PLANTED)
    monkeypatch.setattr("harness.cli.running.run_to_goal", begun)
    with_api(workspace, "api: {url: HTTP://llm.example.com/v1, model: m, key_env: MY_KEY}")
    assert status(["baselines", "experiments/first.yaml"]) == 2
    before, _, _ = " ".join(capsys.readouterr().err.split()).partition(" begun")
    assert before.endswith(
        f"warning: {FILE}:3:12: api.url begins with http://, so the key in MY_KEY travels unencrypted. "
        "Fix: url: https://llm.example.com/v1"
    )
    swap(workspace, FILE, "HTTP://", "https://")
    assert status(["baselines", "experiments/first.yaml"]) == 2
    assert "warning" not in capsys.readouterr().err


def test_what_tokens_cost() -> None:
    spec = ApiSpec(url="http://h", model="m", usd_per_million_in=0.5, usd_per_million_out=2.0)
    assert spec.dollars(tokens_in=1_000_000, tokens_out=250_000) == pytest.approx(1.0)
    assert ApiSpec(url="http://h", model="m").dollars(tokens_in=10**9, tokens_out=10**9) == 0.0


def test_a_step_file_names_the_variable_and_not_its_value(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", PLANTED)
    with_api(root, "api: {url: http://h/v1, model: m, key_env: MY_KEY}")
    world = FakeWorld(lambda step, world: 0.5)
    world.reach(fake_setup(load_experiment(root / "experiments" / "first.yaml")), goal="baselines")
    (first, _) = [step for step in world.log if step.inputs.get("engine") == "openai"]
    write_step(first, root / "step.json")
    text = (root / "step.json").read_text("utf-8")
    assert "MY_KEY" in text
    assert PLANTED not in text


def test_the_shipped_family_loads_and_no_shipped_experiment_asks_it(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    (tmp_path / "baselines" / SHIPPED.name).write_text(SHIPPED.read_text("utf-8"), "utf-8")
    resolved = load_experiment(tmp_path / "experiments" / "first.yaml", overrides=["baselines=[bigger_model]"])
    (family,) = resolved.families
    assert [(variant.name, variant.shots) for variant in family.variants] == [("plain", 0), ("three_shots", 3)]
    assert family.api is not None
    assert family.api.dollars(tokens_in=10**6, tokens_out=0) > 0
    assert all("bigger_model" not in path.read_text("utf-8") for path in SHIPPED.parents[1].glob("experiments/*.yaml"))
