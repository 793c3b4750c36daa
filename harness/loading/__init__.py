"""Turn YAML files into typed specs, every mistake placed at file:line:column."""

from harness.loading.sources import embedding_folder, model_folder, source_path
from harness.loading.workspace import Resolved, load_experiment

__all__ = ["Resolved", "embedding_folder", "load_experiment", "model_folder", "source_path"]
