"""What the trials gained on the task against what they forgot and cost: rows of the report."""

from pydantic import Field

from harness.records import Record


class TradeOff(Record):
    """One trial at its best epoch; all of it was measured before the test set was met."""

    trial: int
    """Its number."""
    metric: float
    """The deciding metric on validation."""
    forgetting: float | None = None
    """Rise of the cross-entropy on general text against the base model, nats a token; null where it was not probed."""
    benchmarks: dict[str, float] = Field(default_factory=dict)
    """Change of accuracy against the base model on a few items of each gated benchmark, which its gate never sees."""
    cost: int
    """Tokens trained on up to that epoch, those of plain text among them."""
    front: bool = False
    """On the Pareto front of the objectives; false where there is only one."""
    within: bool = True
    """Whether it forgot no more than `search.forgets` allows."""
    chosen: bool = False
    """The champion."""
