"""Every failure the harness attributes to someone.

Exception
├── UserError           a mistake a person can mend: one message, exit status 2
│   ├── SpecErrors      every mistake found in one pass over the specs
│   ├── SourceChanged   what a run reads is no longer what it was planned with
│   └── StudyError      an Optuna study that cannot be written; nothing depends on it
├── StoreError          an artifact on disk is not what was committed
├── TrainingFailed      one trial cannot go on; the search records it and survives
├── WorkerDied          the worker process ended in the middle of a step
└── StepBroke           a step ended in an error that nobody expected
"""


class UserError(Exception):
    """A mistake of the user's: what is wrong, where, and how to mend it."""

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(what)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        if not self.fix:
            return f"{place}{self.what}"
        stop = "" if self.what.endswith((".", "?", "!")) else "."
        return f"{place}{self.what}{stop} Fix: {self.fix}"


class SpecErrors(UserError):
    """Several user errors at once, one line each, in the order of the file."""

    def __init__(self, errors: list[UserError]) -> None:
        self.errors = errors
        super().__init__("\n".join(str(error) for error in errors))


class SourceChanged(UserError):
    """What lies at `where` is no longer what the run was planned with; what came of it would get a wrong key."""

    def __init__(self, where: str) -> None:
        what = "is not what it was when the run began"
        fix = "run the same command again, which goes by what is there now, or put back what was there"
        super().__init__(what, where=where, fix=fix)


class StudyError(UserError):
    """What shows a search to people cannot be written; the search goes on without."""


class StoreError(UserError):
    """A stored artifact no longer matches its hash; never reused in silence."""


class TrainingFailed(Exception):
    """A trial that cannot go on (non-finite loss, out of memory): data, not a crash."""


class WorkerDied(Exception):
    """The worker process ended before it answered."""

    def __init__(self, code: int) -> None:
        self.code = code
        """Its exit status; below 0 the signal that ended it."""
        super().__init__(f"signal {-code}" if code < 0 else f"status {code}")


class StepBroke(RuntimeError):
    """A step in a worker ended in an error that nobody expected; the worker may be no good any more."""

    def __init__(self, trace: str, *, error: str, again: str) -> None:
        self.error = error
        """Its class and the first line of what it says."""
        super().__init__(f"a step failed; repeat it with `{again}`\n{trace}")
