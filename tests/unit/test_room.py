"""A run that the machine cannot hold is refused before it begins, one that it may not hold is warned of."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeWorld, fake_setup
from planted_model import llama_tensors
from workspace import swap

from harness.adapters.machine import Machine
from harness.adapters.shapes import Shape
from harness.asks import Sizes
from harness.cli import admitting, running
from harness.cli.main import status
from harness.family_asks import every_family_asks
from harness.loading import load_experiment
from harness.memory import Load, Need, disk_need, memory_needs
from harness.room import Shortage, shortages
from harness.store import Store

SPEC = "experiments/first.yaml"
GB = 10**9
SIZES = Sizes(6, 2, 3, input_characters=40, reference_characters=8, longest_characters=808)
BIG = Shape(llama_tensors(blocks=24, hidden=1536, inner=4096, keys=512, vocabulary=50_000))
"""680.8 M parameters."""


def load(root: Path, *overrides: str, memory: float = 24, disk: float = 100, gpu: float | None = None) -> Load:
    """What the workspace's experiment loads, with a large model in float32, on a planted machine; sizes in GB."""
    held = None if gpu is None else int(gpu * GB)
    machine = Machine(int(memory * GB), int(disk * GB), has_gpu=gpu is not None, gpu=held)
    return Load(load_experiment(root / SPEC, overrides=overrides), SIZES, BIG, "float32", machine)


def short(found: Load, *, epochs_done: int = 0) -> list[Shortage]:
    return shortages(found, asked=every_family_asks(found.resolved, sizes=SIZES), epochs_done=epochs_done)


def training(found: Load) -> Need:
    needs = memory_needs(found, asked=every_family_asks(found.resolved, sizes=SIZES))
    return next(need for need in needs if need.phase == "training")


def test_too_little_memory_is_certain_little_is_doubtful_and_enough_is_silent(root: Path) -> None:
    [refused] = short(load(root, memory=2))
    assert refused.certain
    assert refused.what.startswith("training takes at least 3.")
    assert "2.7 GB base model, 680.8 M parameters in float32" in refused.what
    assert refused.what.endswith("and this machine has 2.0 GB")
    [warned] = short(load(root, memory=6))
    assert not warned.certain
    assert warned.what.endswith("and this machine has 6.0 GB: it may run out in the middle")
    assert (warned.fix, warned.field) == ("search.micro_batch_size: 1", ("search", "micro_batch_size"))
    assert short(load(root, memory=24)) == []


def test_the_fix_is_one_that_fits(root: Path) -> None:
    one = "search.micro_batch_size=1"
    assert short(load(root, memory=2))[0].fix == "a smaller model, or a machine with more memory"
    assert short(load(root, memory=8, gpu=24)) == []
    [short_of_gpu] = short(load(root, "search.method=lora", memory=24, gpu=3))
    assert (short_of_gpu.certain, short_of_gpu.fix) == (False, "a smaller model, or a machine with more memory")
    long = replace(load(root, one, memory=24), sizes=replace(SIZES, longest_characters=40_000))
    tight = replace(long, machine=replace(long.machine, memory=int(4.8 * GB)))
    assert short(tight)[0].fix.startswith("search.max_length: ")


def test_qlora_is_proposed_where_its_weights_fit(root: Path) -> None:
    # Prompts by API, so that only what is trained holds the base model.
    for family in ("zero_shot", "few_shot", "engineered"):
        swap(root, f"baselines/{family}.yaml", "variants:", "api: {url: http://h/v1, model: m}\nvariants:")
    bare = "gates.forgetting=[]"  # The base model meets a benchmark as it is.
    assert short(load(root, memory=2))[0].fix == "a smaller model, or a machine with more memory"
    [refused] = short(load(root, bare, memory=2))
    assert refused.certain
    assert refused.fix == "search.method: qlora"
    [doubtful] = short(load(root, bare, "search.method=qlora", memory=2))
    assert not doubtful.certain


def test_a_trained_parameter_takes_sixteen_bytes_and_a_whole_model_is_one_more(root: Path) -> None:
    lora, full = (training(load(root, *more)).parts for more in ((), ("search.method=full", "search.space={}")))
    weights = 4 * BIG.parameters
    assert (lora[1].expected, lora[2].expected) == (weights, 16 * 8 * 24 * 27_136)
    assert (full[1].expected, full[2].expected) == (weights, 4 * weights)
    assert "a copy of it, its gradients and AdamW's moments (680.8 M parameters)" in full[2].name


def test_examples_count_up_to_max_length(root: Path) -> None:
    whole, cut = (training(load(root, *more)).parts[3] for more in ((), ("search.max_length=50",)))
    assert "4 examples of 2" in whole.name
    assert "4 examples of 50 tokens" in cut.name
    assert cut.expected < whole.expected / 4


@pytest.mark.parametrize(
    ("overrides", "changed", "beside"),
    [
        ([], {}, True),
        ([], {"dtype": "bfloat16"}, False),
        ([], {"goal": "baselines"}, False),
        (["search.method=qlora"], {}, False),
        (["search.method=prefix", "search.space={}"], {}, False),
        (["search.method=full", "search.space={}"], {"dtype": "bfloat16"}, True),
    ],
    ids=["folded", "half precision", "baselines alone", "quantised", "learnt beginning", "whole model"],
)
def test_a_tuned_model_may_answer_from_a_second_copy_of_the_weights(
    root: Path, overrides: list[str], changed: dict[str, Any], beside: bool
) -> None:
    found = replace(load(root, *overrides), **changed)
    needs = memory_needs(found, asked=every_family_asks(found.resolved, sizes=SIZES))
    [parts] = [need.parts for need in needs if need.phase == "answering"]
    assert [part.expected for part in parts if part.name == "the tuned model beside it"] == [found.weights] * beside


def test_without_room_for_a_copy_none_is_made(root: Path) -> None:
    assert load(root, memory=11).folds
    assert not load(root, memory=10).folds


def test_a_gpu_holds_the_models_and_the_machine_the_libraries(root: Path) -> None:
    found = load(root, memory=24, gpu=80)
    needs = memory_needs(found, asked=every_family_asks(found.resolved, sizes=SIZES))
    assert [(need.phase, need.place) for need in needs] == [
        ("training", "GPU memory"),
        ("answering", "GPU memory"),
        ("training", "memory"),
    ]
    assert {part.name for part in needs[2].parts} == {"libraries", "base model on its way to the GPU"}
    [refused] = short(load(root, memory=24, gpu=2))
    assert refused.certain
    assert " of GPU memory (" in refused.what


def test_a_gpu_that_does_not_tell_its_memory_refuses_nothing(root: Path) -> None:
    found = load(root)
    assert short(replace(found, machine=replace(found.machine, has_gpu=True))) == []


def test_the_disk_holds_what_every_epoch_leaves(root: Path) -> None:
    found = load(root, "search.space.rank=[8]", "search.space.epochs=[3]")
    each = 12 * 8 * 24 * 27_136
    need = disk_need(found)
    assert (need.expected, need.least) == (6 * each, 2 * each)
    assert disk_need(found, epochs_done=4).expected == 2 * each
    assert disk_need(found, epochs_done=4).least == 0
    few = replace(found, machine=replace(found.machine, disk=each))
    [refused] = short(few)
    assert refused.certain
    assert refused.what.startswith("keeping the results takes at least 0.13 GB of disk")
    assert refused.what.endswith("and there are 0.06 GB")
    [doubtful] = short(few, epochs_done=1)
    assert not doubtful.certain
    assert short(few, epochs_done=5)[0].certain is False
    assert short(few, epochs_done=6) == []


@pytest.fixture
def world(root: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """A search in a world where it costs nothing, of a model that is large."""
    world = FakeWorld(lambda step, world: 0.5)
    monkeypatch.setattr(running, "prepared", lambda resolved, say: fake_setup(resolved))
    monkeypatch.setattr(running, "LocalWorker", lambda store, **more: nullcontext(world))
    monkeypatch.setattr("harness.room.model_shape", lambda folder: BIG)
    monkeypatch.setattr(Store, "find", lambda store, key: world.find(key))
    monkeypatch.setattr("harness.report.tried.tried", lambda *plan, **more: [])  # It reads files of real trials.
    swap(root, SPEC, "gates:\n", "gates:\n  allow_underpowered: true\n")
    return world


def on(monkeypatch: pytest.MonkeyPatch, *, memory: float) -> None:
    monkeypatch.setattr(admitting, "this_machine", lambda folder: Machine(int(memory * GB), 100 * GB))


def searched(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    """Exit status of `harness search`, and what it says on stderr."""
    code = status(["search", SPEC, *more])
    return code, capsys.readouterr().err


def test_nothing_heavy_starts_where_it_cannot_fit(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on(monkeypatch, memory=2)
    code, told = searched(capsys)
    assert code == 2
    assert [step.stage for step in world.log] == ["data"]
    assert told.splitlines()[-1].startswith(f"{SPEC}:2:8: training takes at least 3.")
    assert told.rstrip().endswith("Fix: a smaller model, or a machine with more memory; --force begins all the same")


def test_what_is_forced_or_may_fit_goes_on_with_a_warning_and_what_fits_without(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on(monkeypatch, memory=2)
    code, told = searched(capsys, "--force")
    assert code == 0
    assert "warning: experiments/first.yaml:2:8: training takes at least" in " ".join(told.split())
    world.done.clear()
    on(monkeypatch, memory=6)
    code, told = searched(capsys)
    assert code == 0
    assert "warning: experiments/first.yaml:4:1: training takes about" in " ".join(told.split())
    world.done.clear()
    on(monkeypatch, memory=24)
    code, told = searched(capsys)
    assert (code, "warning" in told) == (0, False)


def test_a_search_that_was_begun_is_not_refused_half_way(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    setup: Any = fake_setup(load_experiment(root / SPEC))
    world.reach(setup, goal="search", at_most=16)
    assert "train" in {step.stage for step in world.log}
    on(monkeypatch, memory=2)
    code, told = searched(capsys)
    assert code == 0
    assert "warning" in told
