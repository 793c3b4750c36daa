"""Turn YAML files into typed specs, every mistake placed at file:line:column."""

from harness.loading.embeddings import embedding_folder
from harness.loading.sources import model_folder, source_path
from harness.loading.workspace import Resolved, load_experiment

__all__ = ["Resolved", "embedding_folder", "load_experiment", "model_folder", "source_path"]
