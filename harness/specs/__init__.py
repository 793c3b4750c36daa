"""What users write: frozen, documented, forbidding what they do not know."""

from harness.specs.api import ApiSpec
from harness.specs.baseline import BaselineSpec, VariantSpec
from harness.specs.experiment import ExperimentSpec, ModelSpec, ReportSpec
from harness.specs.further import FurtherSpec, MixSpec, PreferencesSpec, ReplaySpec, TextSpec
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
from harness.specs.objectives import ForgetsSpec
from harness.specs.prompt_search import DspySpec, PromptSearchSpec, PromptSpaceSpec
from harness.specs.search import SearchSpec, SpaceSpec
from harness.specs.task import CorpusSpec, DataSpec, SplitSpec, TaskSpec

__all__ = [
    "ApiSpec",
    "BaselineSpec",
    "BenchmarkGate",
    "CorpusSpec",
    "CostGate",
    "DataSpec",
    "DspySpec",
    "ExperimentSpec",
    "ForgetsSpec",
    "FormatGate",
    "FurtherSpec",
    "GatesSpec",
    "LatencyGate",
    "MetricGate",
    "MixSpec",
    "ModelSpec",
    "PreferencesSpec",
    "PromptSearchSpec",
    "PromptSpaceSpec",
    "ReplaySpec",
    "ReportSpec",
    "SearchSpec",
    "ShipGate",
    "SliceGate",
    "SpaceSpec",
    "SplitSpec",
    "TaskSpec",
    "TextSpec",
    "VariantSpec",
]
