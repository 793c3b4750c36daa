"""Each distinct (who, conversation, way) is computed once, whoever asks and however often it is killed."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.adapters import answer_cache
from harness.adapters import generator as generators
from harness.adapters.answer_cache import NAME, kept_answers
from harness.adapters.generator import Answerer, Generated, Generator, Keep
from harness.errors import UserError
from harness.jsonl import read_lines, write_lines
from harness.records import Example, Prediction
from harness.stages import Job, predict
from harness.stages.predict import write_predictions

ME: dict[str, Any] = {"engine": "fake", "model": {"fingerprint": "f"}}


@dataclass
class Echo:
    """Says the question again, two at a time; items of the name `long` do not fit and go to no `keep`."""

    asked: list[str] = field(default_factory=list)
    known: list[Mapping[int, Generated]] = field(default_factory=list)
    batch: int = 2
    dies_after: int | None = None

    def answers(
        self, conversations: Sequence[Any], *, max_new_tokens: int, known: Mapping[int, Generated], keep: Keep
    ) -> list[Generated]:
        return self._all([talk[-1]["content"] for talk in conversations], known, keep)

    def choices(
        self, conversations: Sequence[Any], *, labels: Sequence[str], known: Mapping[int, Generated], keep: Keep
    ) -> list[Generated]:
        return self._all([f"{talk[-1]['content']}:{labels[-1]}" for talk in conversations], known, keep)

    def _all(self, texts: list[str], known: Mapping[int, Generated], keep: Keep) -> list[Generated]:
        self.known.append(dict(known))
        found = dict(known)
        found |= {place: Generated("", "truncated", 9, 0) for place, text in enumerate(texts) if text == "long"}
        left = [place for place in range(len(texts)) if place not in found]
        for start in range(0, len(left), self.batch):
            if self.dies_after is not None and start >= self.dies_after:
                raise RuntimeError("died")
            places = left[start : start + self.batch]
            self.asked += [texts[place] for place in places]
            new = {place: Generated(texts[place], "ok", 2, 1) for place in places}
            found |= new
            keep(new)
        return [found[place] for place in range(len(texts))]


def ask(
    make: Any, *questions: str, folder: Path | None, who: dict[str, Any] = ME, labels: Any = None, limit: int = 5
) -> list[Generated]:
    return kept_answers(
        make if callable(make) else lambda: make,
        [[{"role": "user", "content": question}] for question in questions],
        identity=who,
        labels=labels,
        max_new_tokens=limit,
        folder=folder,
        progress=lambda done, total: None,
    )


def no_model() -> Generator:
    raise AssertionError("a model was loaded")


def test_a_second_run_makes_no_generator(tmp_path: Path) -> None:
    first = ask(Echo(), "a", "b", "long", "a", folder=tmp_path)
    assert [answer.text for answer in first] == ["a", "b", "", "a"]
    assert ask(no_model, "a", "b", "long", "a", folder=tmp_path) == first
    assert ask(no_model, folder=tmp_path) == []


def test_equal_conversations_are_computed_once_and_only_new_ones_at_all(tmp_path: Path) -> None:
    echo = Echo()
    ask(echo, "a", "b", "a", "a", folder=tmp_path)
    found = ask(echo, "c", "b", "c", folder=tmp_path)
    assert echo.asked == ["a", "b", "c"]
    assert [answer.text for answer in found] == ["c", "b", "c"]
    assert echo.known == [{}, {1: Generated("b", "ok", 2, 1)}]
    assert [answer.text for answer in ask(Echo(), "a", "a", folder=None)] == ["a", "a"]


@pytest.mark.parametrize(
    "other", [{"who": {**ME, "model": {"fingerprint": "g"}}}, {"limit": 6}, {"labels": ["x"]}, {"labels": ["x", "y"]}]
)
def test_another_model_or_another_way_is_another_answer(tmp_path: Path, other: dict[str, Any]) -> None:
    ask(Echo(), "a", folder=tmp_path)
    ask(Echo(), "a", folder=tmp_path, labels=["y", "x"])
    echo = Echo()
    ask(echo, "a", folder=tmp_path, **other)
    assert len(echo.asked) == 1


def test_what_was_kept_before_an_error_is_not_computed_again(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="died"):
        ask(Echo(dies_after=4), *"abcdefg", folder=tmp_path)
    echo = Echo()
    assert [answer.text for answer in ask(echo, *"abcdefg", folder=tmp_path)] == list("abcdefg")
    assert echo.asked == list("efg")


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_answer_cache import Echo, ask

class Killed(Echo):
    def _all(self, texts, known, keep):
        def deadly(new):
            keep(new)
            if len(self.asked) >= 6:
                os.kill(os.getpid(), signal.SIGKILL)
        return super()._all(texts, known, deadly)

ask(Killed(), *"abcdefghij", folder=Path({folder!r}))
"""


def test_a_kill_loses_at_most_the_batch_under_way(tmp_path: Path) -> None:
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    echo = Echo()
    assert [answer.text for answer in ask(echo, *"abcdefghij", folder=tmp_path)] == list("abcdefghij")
    assert echo.asked == list("ghij")


def test_several_at_once_break_nothing(tmp_path: Path) -> None:
    questions = [f"{number}" for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: ask(Echo(batch=1), *questions, folder=tmp_path), range(4)))
    assert all([answer.text for answer in run] == questions for run in runs)
    assert ask(no_model, *questions, folder=tmp_path) == runs[0]


def test_any_text_comes_back_as_it_was(tmp_path: Path) -> None:
    texts = ["\ud800", "\x00\x1b[31m", "\u2028\u202e", '"\\', "", "😀" * 1000]
    first = ask(Echo(), *texts, folder=tmp_path)
    assert [answer.text for answer in first] == texts
    assert ask(no_model, *texts, folder=tmp_path) == first


def test_the_file_holds_no_prompt_and_no_name(tmp_path: Path) -> None:
    class Short(Echo):
        def _all(self, texts: list[str], known: Mapping[int, Generated], keep: Keep) -> list[Generated]:
            return [Generated("yes", "ok", 1, 1) for _ in texts]

    ask(Short(), "a private question", folder=tmp_path, who={"key": "secret-name"})
    content = (tmp_path / NAME).read_bytes()
    assert b"yes" in content
    assert b"private" not in content
    assert b"secret-name" not in content


def error(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        ask(Echo(), "a", folder=folder)
    assert caught.value.where == str(folder / NAME)
    return str(caught.value)


def test_a_damaged_file_is_one_message(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database at all, " * 100)
    assert "file is not a database" in error(tmp_path)
    assert "move answers.sqlite away; only the answers in it are computed again" in error(tmp_path)


def test_a_damaged_page_is_one_message(tmp_path: Path) -> None:
    ask(Echo(batch=99), *(f"{number} {'x' * 400}" for number in range(60)), folder=tmp_path)
    file = tmp_path / NAME
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    assert "malformed" in error(tmp_path)


def test_a_damaged_line_is_computed_again(tmp_path: Path) -> None:
    ask(Echo(), "a", "b", folder=tmp_path)
    with sqlite3.connect(tmp_path / NAME) as file:
        file.execute("UPDATE answers SET answer = replace(answer, '\"a\"', '\"z\"')")
    file.close()
    echo = Echo()
    assert [answer.text for answer in ask(echo, "a", "b", folder=tmp_path)] == ["a", "b"]
    assert echo.asked == ["a"]
    ask(no_model, "a", "b", folder=tmp_path)


def test_a_file_that_another_process_holds_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_cache, "PATIENCE", 0.05)
    ask(Echo(), "b", folder=tmp_path)
    other = sqlite3.connect(tmp_path / NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "database is locked" in error(tmp_path)
    assert "wait for that one" in error(tmp_path)
    other.close()


def test_a_place_where_no_file_can_be_is_one_message(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    assert "unable to open database file" in error(tmp_path)


def predicted(folder: Path, name: str, inputs: dict[str, Any], *, local: dict[str, Any]) -> list[Prediction]:
    """What the stage writes for a step in a workspace's `.harness`."""
    out = folder / name
    out.mkdir()
    asked = {"prompt": {"template": "{input}"}, "kind": "generation", "split": "validation", "max_new_tokens": 5}
    work = Job({**asked, **inputs}, {"data": folder}, local, out, lambda done, total: None, cache=folder)
    write_predictions(work)
    return read_lines(out / "predictions.jsonl", model=Prediction)


@pytest.mark.parametrize("engine", ["transformers", "vllm", "openai"])
def test_a_stage_that_is_done_again_loads_no_model(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Answerer] = []
    monkeypatch.setattr(generators, "generator", lambda answerer: made.append(answerer) or Echo())
    items = [Example(id=word, split="validation", group=word, input=word, reference="") for word in ("a", "b", "long")]
    write_lines(tmp_path / "train.jsonl", [])
    write_lines(tmp_path / "validation.jsonl", items)
    inputs = {"engine": engine, "model": {"fingerprint": "f"}}
    first = predicted(tmp_path, "first", inputs, local={"key_env": "A", "retries": 1})
    assert [answer.text for answer in first] == ["a", "b", ""]
    assert predicted(tmp_path, "second", inputs, local={"key_env": "B", "retries": 9}) == first
    assert len(made) == 1
    predicted(tmp_path, "third", {**inputs, "model": {"fingerprint": "g"}}, local={})
    assert len(made) == 2
    monkeypatch.setattr(predict, "library_versions", lambda stage: {"torch": "another"})
    predicted(tmp_path, "fourth", inputs, local={})
    assert len(made) == (2 if engine == "openai" else 3), "a library here changes nothing elsewhere"
