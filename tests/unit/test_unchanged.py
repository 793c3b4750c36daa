"""What a run reads hours after it was planned is what it was planned with, or nothing is made of it."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from fake_world import FakeSampler, FakeWorld
from planted_model import llama_tensors, write_weights
from workspace import make_workspace, swap, write

from harness.errors import SourceChanged
from harness.loading import load_experiment
from harness.plan import build
from harness.prepare import prepared
from harness.runner.execute import InProcess
from harness.stages import STAGES, Job, stage_function
from harness.stages.unchanged import check_sources
from harness.steps import Step
from harness.store import Store

FAMILIES = {
    "rag": "variants: [{name: one, passages: 1}]\n",
    "near": "embedding_model: ./embedder\nvariants: [{name: two, shots: 2, choose: embedding}]\n",
    "last": "previous: models/old\nvariants: [{name: plain}]\n",
}
READ_BY = {
    "tasks/qa/data.jsonl": {"data", "further", "testset"},
    "tasks/qa/people/b.jsonl": {"predict", "testset"},
    "more.jsonl": {"further"},
    "model/model.safetensors": {"forgetting", "predict", "probe", "train"},
    "model/config.json": {"forgetting", "predict", "probe", "train"},
    "models/old/adapter_model.safetensors": {"predict"},
    "embedder/1_Pooling/config.json": {"predict"},
    "tasks/forgetting/arithmetic.yaml": {"forgetting", "further", "probe"},
    "bench.jsonl": {"forgetting", "further", "probe"},
}
"""File to the stages that read it."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose run reads of everything that a run can read."""
    folder = tmp_path_factory.mktemp("unchanged")
    make_workspace(folder)
    write(folder, "tasks/qa/people/a.jsonl", '{"body": "Ada lives in Town."}\n')
    write(folder, "tasks/qa/people/b.jsonl", '{"body": "Bob lives in City."}\n')
    write(folder, "more.jsonl", '{"text": "A ferry crosses the sound."}\n')
    write(folder, "bench.jsonl", '{"goal": "Polish brass."}\n')
    write(folder, "tasks/forgetting/arithmetic.yaml", "task: arithmetic\nmetadata: {source: bench.jsonl}\n")
    write(folder, "model/config.json", "{}")
    write_weights(folder / "model/model.safetensors", llama_tensors())
    write(folder, "embedder/modules.json", "[]")
    write(folder, "embedder/model.safetensors", b"x")
    write(folder, "embedder/1_Pooling/config.json", "{}")
    write(folder, "models/old/adapter_config.json", json.dumps({"peft_type": "LORA"}))
    write(folder, "models/old/adapter_model.safetensors", b"weights")
    for name, text in FAMILIES.items():
        write(folder, f"baselines/{name}.yaml", f"family: {name}\ndescription: {name}.\n{text}")
    swap(folder, "experiments/first.yaml", "few_shot, ", "few_shot, rag, near, last, ")
    swap(folder, "experiments/first.yaml", "model: sample", "model: ./model")
    swap(folder, "experiments/first.yaml", "trials: 2", "trials: 2\n  text: {source: more.jsonl}")
    swap(folder, "experiments/first.yaml", "gates:\n", "gates:\n  allow_underpowered: true\n")
    corpus = 'corpus: {source: tasks/qa/people, text: "{body}"}\ninstruction:'
    swap(folder, "tasks/qa/task.yaml", "instruction:", corpus)
    return folder


@pytest.fixture(scope="module")
def steps(root: Path) -> list[Step]:
    """Every step of a whole run, as it is planned."""
    world = FakeWorld(lambda step, world: 0.9 if "passages" in str(world.answers_of(step).inputs) else 0.5)
    setup = prepared(load_experiment(root / "experiments/first.yaml"), say=print)
    world.reach(replace(setup, sampler=FakeSampler()))
    return world.log


def job(step: Step) -> Job:
    """As far as a step that must not begin needs it."""
    return Job(step.inputs, {}, step.local, Path("nowhere"), progress=lambda done, total: None)


def replaced(path: Path, content: bytes) -> None:
    """As by a job that writes a new file under the old name, of the same size and the same time."""
    before = path.stat()
    fresh = path.with_name("fresh")
    fresh.write_bytes(content)
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.replace(path)


def refused(steps: list[Step]) -> dict[str, set[str]]:
    """Stage to the places that its steps name as changed."""
    found: dict[str, set[str]] = {}
    for step in steps:
        try:
            check_sources(job(step))
        except SourceChanged as error:
            found.setdefault(step.stage, set()).add(error.where)
            with pytest.raises(SourceChanged):
                stage_function(step.stage)(job(step))
    return found


@pytest.mark.parametrize("name", READ_BY)
def test_every_step_that_reads_a_file_that_was_replaced_is_refused(root: Path, steps: list[Step], name: str) -> None:
    assert refused(steps) == {}
    path = root / name
    content = path.read_bytes()
    replaced(path, content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    try:
        found = refused(steps)
        path.unlink()
        assert refused(steps).keys() == found.keys(), "a file that is gone has changed too"
    finally:
        path.write_bytes(content)
    assert set(found) == READ_BY[name]
    for places in found.values():
        assert all(path.is_relative_to(place) for place in places)
    assert refused(steps) == {}, "what is put back is what it was"


def test_a_test_set_is_never_made_of_other_rows_than_the_training_set(root: Path, tmp_path: Path) -> None:
    setup, store = prepared(load_experiment(root / "experiments/first.yaml"), say=print), Store(tmp_path)
    executor, quiet = InProcess(store), lambda done, total: None
    data = executor.execute(build.data_step(setup), progress=quiet)
    sealing = build.testset_step(setup, data=data.key, prompts=[], further={})
    path = root / "tasks/qa/data.jsonl"
    before = path.read_bytes()
    replaced(path, before.replace(b"City", b"Town"))
    try:
        with pytest.raises(SourceChanged) as caught:
            executor.execute(sealing, progress=quiet)
    finally:
        path.write_bytes(before)
    told = r"data\.jsonl: is not what it was when the run began\. Fix: run the same command again, which goes by"
    assert caught.match(told)
    assert store.find(sealing.key) is None
    assert executor.execute(sealing, progress=quiet).summary["sizes"]["test"] > 0


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_a_file_that_changes_while_it_is_read_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    make_workspace(tmp_path)
    write(tmp_path, "model/config.json", "{}")
    write_weights(tmp_path / "model/model.safetensors", llama_tensors())
    swap(tmp_path, "experiments/first.yaml", "model: sample", "model: ./model")
    write(tmp_path, "tasks/forgetting/arithmetic.yaml", "task: arithmetic\n")
    step = build.data_step(prepared(load_experiment(tmp_path / "experiments/first.yaml"), say=print))
    monkeypatch.setitem(STAGES, "data", f"{__name__}:written_{ends}")
    store = Store(tmp_path / "store")
    with pytest.raises(SourceChanged):
        InProcess(store).execute(step, progress=lambda done, total: None)
    assert store.find(step.key) is None


def written_well(job: Job) -> dict[str, int]:
    """A stage under which the data change."""
    Path(job.local["path"]).write_text('{"question": "Where?", "answer": "There."}\n')
    return {"rows": 1}


def written_badly(job: Job) -> dict[str, int]:
    """One that meets a file that is half there."""
    Path(job.local["path"]).write_text('{"question": "Whe')
    raise ValueError("half a row")
