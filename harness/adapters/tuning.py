"""Turn conversations into a tuned model, one epoch at a time, through TRL's SFTTrainer and PEFT."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.adapters.finite import checked_log, checked_weights
from harness.adapters.language_model import LanguageModel, language_model, strip
from harness.adapters.methods import put_on_for_training, save_trained
from harness.adapters.optimizer_state import load_state, save_state
from harness.adapters.packed_text import packed_texts
from harness.adapters.preference_trainer import REFERENCE, REWARDS, cut_pairs, preference_trainer, without_dropout
from harness.adapters.training_settings import arguments, epoch_seed, optimizer, schedule
from harness.halving import asked_size
from harness.methods import METHODS

if TYPE_CHECKING:
    from harness.adapters.epoch_measures import EpochMeasures


class EpochOutcome(NamedTuple):
    """What one epoch did."""

    loss: float
    """Mean loss over completion tokens, nats."""
    tokens: int
    """Tokens of the examples, padding left out; what several begin with counts for each."""
    cut: int
    """Examples as long as max_length or longer, whose end was cut."""
    dropped: int
    """Examples whose whole answer lay beyond max_length; they taught nothing."""
    parameters: int
    """Trainable parameters."""
    log: list[dict[str, Any]]
    """Step, loss, learning rate, gradient norm; of pairs also `margin` and `preferred`."""
    measures: "EpochMeasures"
    """What else is known of it."""


def trained_epoch(
    rows: list[dict[str, Any]],
    *,
    validation: Sequence[dict[str, Any]] = (),
    inputs: dict[str, Any],
    path: str,
    model_name: str,
    previous: Path | None,
    out: Path,
    progress: Callable[[int, int], None],
    micro: int | None = None,
    reference: Path | None = None,
    callbacks: Sequence[Any] = (),
) -> EpochOutcome:
    """Train epoch `inputs["epoch"]` from the files in `previous` and write what was trained to `out`.

    Rows have `id`, `prompt` and `completion`; those of `validation` are read once, after the last step. Of text they
    have `text`, of pairs `prompt`, `chosen` and `rejected`; `reference` is then the adapter that the first epoch over
    pairs started from, None: the base model. `micro`: examples per pass, a divisor of the batch; None takes as many as
    the settings say. Raises `TrainingFailed` where the loss, the gradient or a weight is no number any more.
    """
    from transformers import set_seed

    from harness.adapters.epoch_measures import measures

    model = language_model(inputs["model"], path=path)
    set_seed(epoch_seed(inputs))
    start = reference if _phase(inputs) == "preferences" and inputs["epoch"] > 1 else previous
    tuned = put_on_for_training(model, inputs=inputs, path=path, previous=start)
    watching = [_watcher(progress, inputs=inputs), *callbacks]
    try:
        shared: dict[str, Any] = {"inputs": inputs, "out": out, "previous": previous, "micro": micro}
        trainer = _trainer(tuned, model, rows=rows, validation=validation, callbacks=watching, **shared)
        result = _trained(trainer, tuned, inputs=inputs)
        found = measures(trainer, seconds=result.metrics["train_runtime"])
        save_trained(model, out=out, path=path, name=model_name)
        save_state(trainer.optimizer.optimizer, out / "optimizer.safetensors")
    finally:
        strip(model)
    return _outcome(trainer, loss=result.training_loss, asked=len(rows), inputs=inputs, measures=found)


def _trained(trainer: Any, tuned: Any, *, inputs: dict[str, Any]) -> Any:
    """What TRL tells of the training; the weights are numbers, and the reference of pairs is gone."""
    prefers = _phase(inputs) == "preferences"
    with without_dropout(tuned) if prefers else nullcontext():
        result = trainer.train()
    if prefers:
        tuned.delete_adapter(REFERENCE)
    checked_weights(tuned, steps=trainer.state.max_steps, inputs=inputs)
    return result


def _phase(inputs: dict[str, Any]) -> str:
    """What the epoch learns from: the task's examples, plain `text`, or `preferences`."""
    return str(inputs.get("phase", "sft"))


def _trainer(
    tuned: Any,
    model: LanguageModel,
    *,
    rows: list[dict[str, Any]],
    validation: Sequence[dict[str, Any]],
    inputs: dict[str, Any],
    callbacks: list[Any],
    out: Path,
    previous: Path | None,
    micro: int | None,
) -> Any:
    from transformers import PrinterCallback

    tuned.train()
    adam = optimizer(tuned, inputs=inputs)
    continued = previous if inputs["epoch"] > 1 else None  # Each phase begins with an optimiser of its own.
    shared = {"adam": adam, "callbacks": callbacks, "micro": micro, "out": out}
    trainer = _of_phase(tuned, model, rows=rows, validation=validation, inputs=inputs, continued=continued, **shared)
    trainer.remove_callback(PrinterCallback)
    # The trainer drops examples whose answer lies beyond max_length; steps are counted after that.
    trainer.lr_scheduler = schedule(adam, inputs=inputs, examples=len(trainer.train_dataset))
    if continued is not None:
        load_state(adam, continued / "optimizer.safetensors")
    return trainer


def _of_phase(
    tuned: Any,
    model: LanguageModel,
    *,
    rows: list[dict[str, Any]],
    validation: Sequence[dict[str, Any]],
    inputs: dict[str, Any],
    continued: Path | None,
    adam: Any,
    callbacks: list[Any],
    micro: int | None,
    out: Path,
) -> Any:
    """TRL's trainer for what the epoch learns from; `continued` is the epoch before, in the same phase."""
    from datasets import Dataset
    from trl import SFTTrainer

    from harness.adapters.completion_trainer import fitting_trainer

    phase, kind = _phase(inputs), fitting_trainer(model) if METHODS[inputs["method"]].packs else SFTTrainer
    settings = arguments(inputs, micro=micro or asked_size(inputs["settings"]), out=out, pads=kind is SFTTrainer)
    if phase == "text":
        texts = [row["text"] for row in rows]
        rows = packed_texts(texts, tokenizer=model.tokenizer, longest=inputs["settings"]["max_length"])
    dataset = Dataset.from_list(rows)
    if phase == "preferences":
        more = {"dataset": dataset, "optimizer": adam, "callbacks": callbacks, "continued": continued}
        return preference_trainer(tuned, model, arguments=settings, beta=inputs["beta"], **more)
    return kind(
        model=tuned,
        args=settings,
        train_dataset=dataset,
        eval_dataset=Dataset.from_list(list(validation)) if validation else None,
        processing_class=model.tokenizer,
        optimizers=(adam, None),
        callbacks=callbacks,
    )


def _watcher(progress: Callable[[int, int], None], *, inputs: dict[str, Any]) -> Any:
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):  # type: ignore[misc, unused-ignore]
        """Reports steps, and ends a trial whose loss is no longer a number."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            progress(state.global_step, state.max_steps)

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
        ) -> None:
            checked_log(logs or {}, step=state.global_step, steps=state.max_steps, inputs=inputs)

    return Watcher()


def _outcome(
    trainer: Any, *, loss: float, asked: int, inputs: dict[str, Any], measures: "EpochMeasures"
) -> EpochOutcome:
    longest, phase, trained = inputs["settings"]["max_length"], _phase(inputs), trainer.train_dataset
    names = {name: name for name in ("step", "loss", "learning_rate", "grad_norm")}
    names |= REWARDS if phase == "preferences" else {}
    steps = [entry for entry in trainer.state.log_history if "loss" in entry]
    return EpochOutcome(
        loss=round(float(loss), 6),
        tokens=int(trainer._total_train_tokens),
        cut=_cut(trained, phase=phase, longest=longest),
        # Plain texts are packed into fewer rows, and none is left out.
        dropped=0 if phase == "text" else asked - len(trained),
        parameters=sum(parameter.numel() for parameter in trainer.optimizer.param_groups[0]["params"]),
        log=[{name: float(entry[theirs]) for name, theirs in names.items()} for entry in steps],
        measures=measures,
    )


def _cut(trained: Any, *, phase: str, longest: int) -> int:
    """Examples whose end was cut; plain text goes on in the next row."""
    if phase == "preferences":
        return cut_pairs(trained, longest=longest)
    return 0 if phase == "text" else sum(len(ids) >= longest for ids in trained["input_ids"])
