"""Turn the scores of a family's prompts into its next prompt, on validation.

Each prompt is an arm like those that the family lists, so the search is rebuilt from finished artifacts at every
planning pass; nothing here holds a test item.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from harness.errors import UserError
from harness.family_places import family_place
from harness.loading import Resolved
from harness.loading.prompt_search import WRITTEN
from harness.plan.arms import PromptArm, asked_arms, decodings, prompt_of
from harness.plan.desk import Desk
from harness.plan.effort import Finished, cost, of_prompts, of_tuning
from harness.plan.prompting import scored_arm
from harness.plan.setup import Setup
from harness.plan.state import Plan, PromptSearch, ScoredArm
from harness.prompt_space import Params, Space, identity, settled, space_size
from harness.records import PromptTrial
from harness.specs import BaselineSpec, PromptSpaceSpec, VariantSpec

Enough = Callable[[list[ScoredArm]], bool]
"""Whether no further prompt is to be tried, by those that were."""


def prompt_space(family: BaselineSpec, *, resolved: Resolved, labels: list[str], train: int) -> Space:
    """What a family's search varies, without choices that make the same prompts: equal texts, more shots than there
    are training examples."""
    assert family.search is not None
    spec = family.search.space
    texts = {instruction_template(text, resolved=resolved, labels=labels): text for text in reversed(spec.instruction)}
    choices = {name: list(dict.fromkeys(getattr(spec, name))) for name in PromptSpaceSpec.model_fields}
    instruction = [text for text in choices["instruction"] if text in texts.values()]
    shots = list(dict.fromkeys(min(count, train) for count in spec.shots))
    return choices | {
        "instruction": instruction,
        "shots": shots,
        "decoding": list(dict.fromkeys(decodings(family, labels=labels))),
    }


def begun_searches(setup: Setup, desk: Desk, known: Plan) -> Plan:
    """`known` with the prompts that every family tries before the search for an adapter."""

    def search(family: BaselineSpec) -> PromptSearch:
        assert family.search is not None
        trials = family.search.trials
        return _continued(setup, desk, known, family=family, enough=lambda tried: len(tried) >= trials)

    return _with_searches(setup, known, searches={one.family: search(one) for one in searching(setup.resolved)})


def evened_searches(setup: Setup, desk: Desk, known: Plan) -> Plan:
    """`known` with the prompts that families with `budget: equal` try once the search for an adapter is over."""
    target = cost(of_tuning(desk.wanted, finished=desk.finished)).tokens
    searches = dict(known.prompt_searches)
    for family in searching(setup.resolved):
        assert family.search is not None
        if family.search.budget == "equal":
            before = [scored for scored in known.baselines if scored.arm.family == family.family]
            enough = partial(_cost_as_much, before=before, target=target, finished=desk.finished)
            searches[family.family] = _continued(setup, desk, known, family=family, enough=enough)
    return _with_searches(setup, known, searches=searches)


def uncounted(setup: Setup, known: Plan) -> UserError | None:
    """Why no search can reach an equal budget: a server that does not say how many tokens its answers took."""
    for family in searching(setup.resolved):
        search = known.prompt_searches[family.family]
        assert family.search is not None
        mine = [scored for scored in known.baselines if scored.arm.family == family.family and scored.arm.prompt]
        untried = space_size(search.space) > len(search.known)
        if family.api is None or family.search.budget != "equal" or not (mine and untried):
            continue
        if not any(scored.answers.summary["tokens_in"] for scored in mine):
            what = f"{family.api.url} does not report how many tokens an answer took, so budget: equal never ends"
            where = family_place(family, "search", "budget", resolved=setup.resolved)
            return UserError(what, where=where, fix="budget: trials")
    return None


def _cost_as_much(tried: list[ScoredArm], *, before: list[ScoredArm], target: int, finished: Finished) -> bool:
    """Whether a family, with what it lists, took as many model tokens as the search for an adapter."""
    return cost(of_prompts([*before, *tried], finished=finished)).tokens >= target


def searching(resolved: Resolved) -> list[BaselineSpec]:
    """The families that search."""
    return [family for family in resolved.families if family.search is not None]


def _continued(setup: Setup, desk: Desk, known: Plan, *, family: BaselineSpec, enough: Enough) -> PromptSearch:
    """The family's search until there is enough, nothing is left to try, or a prompt is to be scored first."""
    assert family.search is not None
    assert known.data is not None
    search = known.prompt_searches.get(family.family) or _unbegun(setup, known, family=family)
    while not enough(search.tried):
        number = len(search.tried)
        params = setup.sampler.suggested_prompt(family.search, space=search.space, history=search.known, number=number)
        if params is None:
            break
        arm = _trial_arm(family, params, number=number, resolved=setup.resolved, labels=known.labels)
        needs = {"data": known.data.key}
        scored = scored_arm(setup, desk, arm, split="validation", needs=needs, labels=known.labels)
        if scored is None:
            break
        trial = PromptTrial(arm=arm.name, params=params, value=_value(setup, scored))
        search = replace(search, known=[*search.known, trial], tried=[*search.tried, scored])
    return search


def _unbegun(setup: Setup, known: Plan, *, family: BaselineSpec) -> PromptSearch:
    """Nothing tried; what the family lists of the space is known and not tried again."""
    assert known.data is not None
    train = known.data.summary["sizes"]["train"]
    space = prompt_space(family, resolved=setup.resolved, labels=known.labels, train=train)
    texts = {
        instruction_template(text, resolved=setup.resolved, labels=known.labels): text for text in space["instruction"]
    }
    found: list[PromptTrial] = []
    for scored in known.baselines:
        params = _params_of(scored.arm, space=space, texts=texts, train=train)
        if scored.arm.family == family.family and params is not None:
            found.append(PromptTrial(arm=scored.arm.name, params=params, value=_value(setup, scored)))
    return PromptSearch(space, list({identity(trial.params): trial for trial in found}.values()))


def _params_of(arm: PromptArm, *, space: Space, texts: dict[str, str], train: int) -> Params | None:
    """Where an arm stands in the space; None outside it."""
    prompt = arm.prompt
    if prompt is None or prompt.template not in texts or prompt.passages or prompt.shot_ids:
        return None
    params = {name: getattr(prompt, name) for name in ("system", "choose", "seed", "order", "layout")}
    params |= {"instruction": texts[prompt.template], "shots": min(prompt.shots, train)}
    params = settled(params | {"decoding": "likelihood" if arm.labels else "generate"}, space=space)
    return params if all(choice in space[name] for name, choice in params.items()) else None


def _trial_arm(
    family: BaselineSpec, params: Params, *, number: int, resolved: Resolved, labels: list[str]
) -> PromptArm:
    """The arm that asks with these params."""
    one_way = family.model_copy(update={"decoding": [params["decoding"]]})
    prompt = prompt_of(_variant(params), resolved=resolved, labels=labels)
    (arm,) = asked_arms(one_way, prompt, name=f"trial_{number}", labels=labels)
    return replace(arm, name=f"{family.family}/trial_{number}", spec=family)


def _variant(params: Params) -> VariantSpec:
    """The params as a family would list them."""
    text = params["instruction"]
    asked = {"prompt": text} if text in WRITTEN else {"pattern": text}
    more = {name: choice for name, choice in params.items() if name not in ("instruction", "decoding")}
    return VariantSpec(name="trial", **asked, **more)


def instruction_template(instruction: str, *, resolved: Resolved, labels: list[str]) -> str:
    """What an instruction becomes once everything but the item is filled in."""
    variant = _variant({"instruction": instruction})
    return prompt_of(variant, resolved=resolved, labels=labels).template


def _with_searches(setup: Setup, known: Plan, *, searches: dict[str, PromptSearch]) -> Plan:
    """`known` with these searches and the arms they tried, family by family in the order of the spec."""
    tried = {scored.arm.name: scored for search in searches.values() for scored in search.tried}
    listed = [scored for scored in known.baselines if scored.arm.name not in tried]
    order = [family.family for family in setup.resolved.families]
    baselines = sorted([*listed, *tried.values()], key=lambda scored: order.index(scored.arm.family))
    return replace(known, prompt_searches=searches, baselines=baselines)


def _value(setup: Setup, scored: ScoredArm) -> float:
    return float(scored.scores.summary["mean"][setup.metric])
