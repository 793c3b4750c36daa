"""What users write: frozen, documented, forbidding what they do not know."""

from harness.specs.baseline import BaselineSpec, VariantSpec
from harness.specs.experiment import ExperimentSpec, ModelSpec, ReportSpec, SearchSpec, SpaceSpec
from harness.specs.gates import (
    BenchmarkGate,
    CostGate,
    FormatGate,
    GatesSpec,
    LatencyGate,
    MetricGate,
    ShipGate,
    SliceGate,
)
from harness.specs.task import DataSpec, SplitSpec, TaskSpec

__all__ = [
    "BaselineSpec",
    "BenchmarkGate",
    "CostGate",
    "DataSpec",
    "ExperimentSpec",
    "FormatGate",
    "GatesSpec",
    "LatencyGate",
    "MetricGate",
    "ModelSpec",
    "ReportSpec",
    "SearchSpec",
    "ShipGate",
    "SliceGate",
    "SpaceSpec",
    "SplitSpec",
    "TaskSpec",
    "VariantSpec",
]
