"""Turn a family and a key path into the place in the family's file where a person wrote it."""

from harness.loading import Resolved
from harness.loading.baselines import FOLDER
from harness.loading.places import Places
from harness.loading.positions import read_document
from harness.specs import BaselineSpec


def family_place(family: BaselineSpec, *path: str, resolved: Resolved) -> str:
    """`baselines/x.yaml:3:11`, of the path or of its nearest ancestor."""
    document = read_document(resolved.root / FOLDER / f"{family.family}.yaml")
    return str(Places(document).at(path))
