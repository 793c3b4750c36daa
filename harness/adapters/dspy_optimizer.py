"""Turn a start instruction into candidates that GEPA or MIPROv2 of DSPy proposes, each tried as the harness asks.

DSPy sees one predictor, `input -> answer`. Our `Adapter` stands where DSPy would write its field markers: a question
is the very conversation that the predict stage will hold, and the whole reply is the answer. So no server, no
key and no parser stands between what is optimised and what is measured. DSPy's own caches, which pickle, stay off.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dspy
from dspy.utils.callback import BaseCallback

from harness.adapters.generator import Generated
from harness.adapters.tryouts import Candidate, Stopped, Tryouts
from harness.prompts import Message
from harness.records import Example
from harness.specs import DspySpec

Propose = Callable[[list[Message]], Generated]
"""Answers a request for an instruction, or for a remark on the data."""
REFLECTED = 3
"""Training examples that GEPA shows at once to the model that writes the next instruction."""
INSTRUCTIONS, SHOWN = 4, 4
"""MIPROv2: instructions and sets of worked examples to combine, and most examples in a set."""


def optimise(spec: DspySpec, tryouts: Tryouts, *, start: str, propose: Propose) -> Candidate:
    """The best candidate on validation; never worse there than `start`, which is tried first."""
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    program = _Asking(start)
    first = Candidate(program.ask.signature.instructions)
    adapter = _Plainly(tryouts, propose=propose, start=first.instruction)
    nothing = {"disable_history": True, "callbacks": [_Foresight(adapter)]}
    try:
        # The adapter does all the asking; DSPy wants to see some model all the same.
        with dspy.context(lm=dspy.BaseLM("the model of the harness"), adapter=adapter, **nothing):
            OPTIMISERS[spec.optimizer](spec, program, adapter)
    except Stopped as stopped:
        if stopped.cause is not None:
            raise stopped.cause from None
    return tryouts.best(first)


class _Asking(dspy.Module):  # type: ignore[misc]
    """The program that is optimised; its prediction says who answered, for the grades."""

    def __init__(self, start: str) -> None:
        super().__init__()
        self.ask = dspy.Predict(dspy.Signature("input -> answer", start))

    def forward(self, input: str) -> Any:
        answer = self.ask(input=input).answer
        return dspy.Prediction(answer=answer, instruction=self.ask.signature.instructions, demos=list(self.ask.demos))


class _Plainly(dspy.Adapter):  # type: ignore[misc]
    """Asks as the harness does, and takes the whole text as the one field that is wanted."""

    def __init__(self, tryouts: Tryouts, *, propose: Propose, start: str) -> None:
        super().__init__()
        self.tryouts, self.propose, self.start = tryouts, propose, start
        self.ids = {example.input: name for name, example in tryouts.train.items()}

    def __call__(
        self, lm: Any, lm_kwargs: dict[str, Any], signature: Any, demos: Sequence[Any], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        if set(signature.fields) == {"input", "answer"}:
            answer = self.tryouts.answer(self.candidate(signature.instructions, demos), inputs["input"])
            return [{"answer": answer.text}]
        (name,) = signature.output_fields
        return [{name: self._written(signature, inputs, name=name)}]

    def candidate(self, instruction: str, demos: Sequence[Any]) -> Candidate:
        """A worked example shows the right answer, whatever the model once said: so its id is enough."""
        return Candidate(instruction, tuple(self.ids[demo["input"]] for demo in demos))

    def _written(self, signature: Any, inputs: Mapping[str, Any], *, name: str) -> str:
        """A proposed instruction, or the start for one that is empty or found no end; other texts as they are."""
        given = [f"{_words(key)}:\n{_shown(inputs[key])}" for key in signature.input_fields if inputs.get(key)]
        order = f"Write the {_words(name).lower()} and nothing else."
        request = "\n\n".join([signature.instructions, *given, order])
        try:
            reply = self.propose([{"role": "user", "content": request}])
        except Exception as error:
            raise Stopped(error) from error
        text = _bare(reply.text)
        unfit = name.endswith("instruction") and (reply.status != "ok" or not text)
        return self.start if unfit else text


class _Foresight(BaseCallback):  # type: ignore[misc]
    """DSPy evaluates item by item; what it is about to ask is asked together, before it begins."""

    def __init__(self, adapter: _Plainly) -> None:
        self.adapter = adapter

    def on_evaluate_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        ask, examples = inputs["program"].ask, inputs.get("devset") or instance.devset
        candidate = self.adapter.candidate(ask.signature.instructions, ask.demos)
        self.adapter.tryouts.foresee(candidate, [example.input for example in examples])


def _gepa(spec: DspySpec, program: _Asking, adapter: _Plainly) -> None:
    """Always an explicit budget: what `auto` means is not what it costs (dspy issue 10245)."""
    from dspy.teleprompt.gepa import InstructionProposer

    def metric(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
        grade = _grade(adapter, gold, pred)
        return dspy.Prediction(score=grade.score, feedback=grade.feedback)

    optimiser = dspy.GEPA(
        metric=metric,
        max_metric_calls=adapter.tryouts.calls,
        reflection_minibatch_size=REFLECTED,
        instruction_proposer=InstructionProposer(adapter=adapter),
        num_threads=1,
        seed=spec.seed,
    )
    optimiser.compile(program, trainset=_examples(adapter.tryouts.train), valset=_examples(adapter.tryouts.validation))


def _miprov2(spec: DspySpec, program: _Asking, adapter: _Plainly) -> None:
    """As many trials as the budget pays for after the search for worked examples and the start's own trial."""
    tryouts = adapter.tryouts
    train, validation = _examples(tryouts.train), _examples(tryouts.validation)
    left = tryouts.calls - (INSTRUCTIONS - 2) * len(train) - len(validation)
    optimiser = dspy.MIPROv2(
        metric=lambda gold, pred, trace=None: _grade(adapter, gold, pred).score,
        prompt_model=dspy.settings.lm,
        task_model=dspy.settings.lm,
        auto=None,
        num_candidates=INSTRUCTIONS,
        max_bootstrapped_demos=SHOWN,
        max_labeled_demos=SHOWN,
        num_threads=1,
        seed=spec.seed,
    )
    optimiser.compile(
        program,
        trainset=train,
        valset=validation,
        num_trials=max(1, left // len(validation)),
        minibatch=False,
        program_aware_proposer=False,
    )


OPTIMISERS: dict[str, Callable[[DspySpec, _Asking, _Plainly], None]] = {"gepa": _gepa, "miprov2": _miprov2}


def _grade(adapter: _Plainly, gold: Any, pred: Any) -> Any:
    tryouts = adapter.tryouts
    example = tryouts.validation.get(gold.id) or tryouts.train[gold.id]
    return tryouts.graded(adapter.candidate(pred.instruction, pred.demos), example)


def _examples(items: Mapping[str, Example]) -> list[Any]:
    return [
        dspy.Example(id=item.id, input=item.input, answer=item.reference).with_inputs("input")
        for item in items.values()
    ]


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _shown(value: Any) -> str:
    """Text for a person: no braces and no quotation marks around it."""
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {_shown(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return "\n\n".join(_shown(item) for item in value)
    return str(value)


def _bare(text: str) -> str:
    """Without a fence or quotation marks around the whole."""
    fenced = re.fullmatch(r"```\w*\n(.*?)\n?```", text.strip(), flags=re.DOTALL)
    return (fenced[1] if fenced else text).strip().strip("\"'`").strip()
