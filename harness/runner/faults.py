"""Turn an error that tells of the machine into what a person is told: out of memory, or broken."""

from harness.adapters.fitting import memory_ran_out
from harness.errors import UserError

BROKEN = ("CUDA error", "CUDA driver error", "HIP error")
"""How torch begins what a GPU says that answers nothing more in this process, whatever it is asked."""
FREE = "end what else takes memory on this machine"
ANSWERS, LOADS = ("predict", "optimise"), ("train", "latency", "probe", "forgetting", "merge")
"""Stages that answer in batches of a size that the spec may set; others that load a model."""


def room_for(stage: str) -> str:
    """What to do where the memory does not hold a stage's work."""
    fewer = "set model.answer_batch_size: 1, " if stage in ANSWERS else ""
    return f"{fewer}use a smaller model, or {FREE}" if stage in ANSWERS + LOADS else FREE


def machine_broke(error: BaseException) -> bool:
    """Whether the GPU or the installation failed, which says nothing of the step; no room is another matter."""
    if isinstance(error, Exception) and memory_ran_out(error):
        return False
    return _no_import(error) is not None or _no_gpu(error)


def machine_fault(error: Exception, *, stage: str, where: str) -> UserError | None:
    """What is told of an error that the machine is to blame for; None where nobody knows who is."""
    if memory_ran_out(error):
        return UserError(f"memory ran out: {brief(error)}", where=where, fix=room_for(stage))
    if (missing := _no_import(error)) is not None:
        fix = "install the packages again; the same command goes on"
        return UserError(f"the installation is broken: {brief(missing)}", where=where, fix=fix)
    if _no_gpu(error):
        fix = "look at nvidia-smi and the system's log, start the machine anew if it stays; the same command goes on"
        return UserError(f"the GPU failed: {brief(error)}", where=where, fix=fix)
    return None


def _no_import(error: BaseException | None) -> ImportError | None:
    """transformers raises an error of its own from it."""
    while error is not None:
        if isinstance(error, ImportError):
            return error
        error = error.__cause__
    return None


def _no_gpu(error: BaseException) -> bool:
    """By the name of torch's class, which is not imported here, or by its words."""
    named = any(kind.__name__ == "AcceleratorError" for kind in type(error).__mro__)
    return named or (isinstance(error, RuntimeError) and any(words in str(error) for words in BROKEN))


def brief(error: BaseException) -> str:
    """Its class and the first line of what it says."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}".removesuffix(": ")
