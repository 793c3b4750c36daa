"""Turn the chosen adapter into the steps that answer the test set in every form it would be served in."""

from dataclasses import replace
from typing import Any

from harness.methods import METHODS
from harness.plan import build
from harness.plan.answering import tuned_answer_step
from harness.plan.arms import PromptArm
from harness.plan.desk import Desk
from harness.plan.setup import Setup
from harness.plan.state import ScoredArm
from harness.prompts import PromptConfig
from harness.steps import Step
from harness.store import Artifact

QUANTIZATION: dict[str, str | None] = {"merged": None, "merged_nf4": "nf4"}
"""How the weights of each form are held in memory."""
DESCRIPTIONS = {"merged": "{}", "merged_nf4": "{}, quantised to 4 bits"}


def planned_forms(
    setup: Setup,
    desk: Desk,
    *,
    name: str,
    adapter: Artifact,
    prompt: PromptConfig,
    needs: dict[str, str],
    labels: list[str],
    local: dict[str, Any],
) -> dict[str, ScoredArm]:
    """Every form the gate asks for, as far as it is scored on the test items.

    `name` is the tuned arm's name, `adapter` its chosen training step, `needs` the data and the test set; `local`
    goes into every score step, as looking at test scores is an opening.
    """
    gate = setup.resolved.experiment.gates.ships
    if gate is None or (merged := desk.want(merge_step(setup, adapter=adapter.key, name=name))) is None:
        return {}
    whole = METHODS[setup.resolved.experiment.search.method].kind == "whole"
    weights = "all weights, as trained" if whole else "the adapter folded into the weights"
    found: dict[str, ScoredArm] = {}
    for form in gate.forms:
        arm = PromptArm(f"{name}:{form}", "tuned", "prompt", DESCRIPTIONS[form].format(weights), None, prompt)
        step = form_answer_step(setup, prompt, form=form, needs={**needs, "merged": merged.key}, title=arm.name)
        if (answers := desk.want(step)) is None:
            continue
        scored = {**needs, "predictions": answers.key}
        step = build.score_step(setup, split="test", labels=labels, needs=scored, title=arm.name)
        if scores := desk.want(replace(step, local={**step.local, **local})):
            found[form] = ScoredArm(arm, answers, scores)
    return found


def merge_step(setup: Setup, *, adapter: str, name: str) -> Step:
    """The adapter folded into the base model, which is not quantised whatever it was trained over."""
    inputs = {"model": setup.model.identity()}
    return Step("merge", inputs, needs={"adapter": adapter}, local={**setup.model_place}, title=f"merge {name}")


def form_answer_step(setup: Setup, prompt: PromptConfig, *, form: str, needs: dict[str, str], title: str) -> Step:
    """One form's answers on the test items; `needs["merged"]` is the merged model."""
    step = tuned_answer_step(setup, prompt, split="test", needs=needs, title=f"test {title}")
    model = setup.model.identity(quantization=QUANTIZATION[form]) | {"fingerprint": needs["merged"]}
    return replace(step, inputs={**step.inputs, "model": model}, local={})
