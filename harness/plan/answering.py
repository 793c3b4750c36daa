"""Turn “ask this prompt of that model” into the step that carries it out."""

from typing import Any

from harness.methods import METHODS
from harness.plan.arms import PromptArm
from harness.plan.setup import FamilyFiles, Setup
from harness.prompts import PromptConfig
from harness.steps import RETRIEVAL_LIBRARIES, Step, installed_version, installed_versions

API_LIMITS = {"key_env", "requests_per_minute", "parallel", "timeout_seconds", "retries"}
"""What changes how a model is asked and not what it answers."""
API_PRICES = {"usd_per_million_in", "usd_per_million_out"}


def prompt_step(setup: Setup, arm: PromptArm, *, split: str, needs: dict[str, str], title: str) -> Step:
    """One prompt arm's answers on a split, by the model of its family."""
    assert arm.prompt is not None
    files = setup.families.get(arm.family, FamilyFiles())
    inputs, local = _asked(setup, arm.prompt, split=split)
    who, where = _by_api(arm) if arm.spec and arm.spec.api else _by_base(setup, quantization=files.quantization)
    inputs, local = inputs | who, local | where
    if arm.labels:
        inputs["labels"] = list(arm.labels)
    if files.adapter is not None:
        inputs["adapter"], local["adapter"] = files.adapter.identity, files.adapter.path
    if files.embeddings is not None and arm.prompt.choose == "embedding":
        inputs["embeddings"], local["embeddings"] = files.embeddings.identity, files.embeddings.path
    return Step("predict", inputs, needs=needs, local=local, title=title)


def tuned_answer_step(setup: Setup, prompt: PromptConfig, *, split: str, needs: dict[str, str], title: str) -> Step:
    """A tuned model's answers on a split; `needs["adapter"]` is its training step."""
    inputs, local = _asked(setup, prompt, split=split)
    who, where = _by_base(setup, quantization=quantization(setup))
    return Step("predict", inputs | who, needs=needs, local=local | where, title=title)


def quantization(setup: Setup) -> str | None:
    """How the tuned model's base is held in memory."""
    return METHODS[setup.resolved.experiment.search.method].quantization


def _asked(setup: Setup, prompt: PromptConfig, *, split: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is asked, and the paths that it takes."""
    task = setup.resolved.task
    inputs: dict[str, Any] = {
        "prompt": prompt.model_dump(mode="json"),
        "kind": task.kind,
        "split": split,
        "max_new_tokens": task.max_new_tokens,
    }
    similar = {prompt.choose} if prompt.shots and prompt.choose != "random" else set()
    if ways := sorted(similar | ({"bm25"} if prompt.passages else set())):
        names = tuple(name for way in ways for name in RETRIEVAL_LIBRARIES[way])
        inputs["retrieval"] = installed_versions(names)
    corpus, where = corpus_inputs(setup) if prompt.passages else ({}, {})
    return inputs | corpus, where


def corpus_inputs(setup: Setup) -> tuple[dict[str, Any], dict[str, Any]]:
    """The corpus by its bytes, and where it lies; nothing where the task has none."""
    spec = setup.resolved.task.corpus
    if setup.corpus is None or spec is None:
        return {}, {}
    return {"corpus": {**setup.corpus.identity, "text": spec.text}}, {"corpus": setup.corpus.path}


def _by_base(setup: Setup, *, quantization: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The experiment's base model."""
    model = setup.resolved.experiment.model
    who: dict[str, Any] = {
        "engine": model.engine,
        "model": setup.model.identity(quantization=quantization),
        "batch_size": model.answer_batch_size,
    }
    if model.engine == "vllm":
        # Not one of the stage's libraries: where another engine answers, installing it changes nothing.
        who["engine_version"] = installed_version("vllm")
    return who, {**setup.model_place}


def _by_api(arm: PromptArm) -> tuple[dict[str, Any], dict[str, Any]]:
    """A model behind an API; what it costs is no part of its answers' identity."""
    assert arm.spec is not None
    assert arm.spec.api is not None
    spec = arm.spec.api.model_dump(mode="json", exclude=API_PRICES)
    who = {name: value for name, value in spec.items() if name not in API_LIMITS}
    return {"engine": "openai", "model": who}, {name: spec[name] for name in sorted(API_LIMITS)}
