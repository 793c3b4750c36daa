"""What users write: frozen, documented, forbidding what they do not know."""

from harness.specs.baseline import BaselineSpec, VariantSpec
from harness.specs.experiment import (
    BenchmarkGate,
    ExperimentSpec,
    GatesSpec,
    MetricGate,
    ModelSpec,
    ReportSpec,
    SearchSpec,
    SpaceSpec,
)
from harness.specs.task import DataSpec, SplitSpec, TaskSpec

__all__ = [
    "BaselineSpec",
    "BenchmarkGate",
    "DataSpec",
    "ExperimentSpec",
    "GatesSpec",
    "MetricGate",
    "ModelSpec",
    "ReportSpec",
    "SearchSpec",
    "SpaceSpec",
    "SplitSpec",
    "TaskSpec",
    "VariantSpec",
]
