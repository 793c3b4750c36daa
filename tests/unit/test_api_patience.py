"""A server that does not answer is waited for as it deserves, and the wait is told."""

import re
import socket
import threading
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from odd_server import Odd, asked, failed, message, odd_server, said

from harness.adapters import api, patience
from harness.adapters.endpoint import Endpoint
from harness.adapters.generator import Generated
from harness.adapters.patience import Herald, Hiccup, Pace
from harness.errors import UserError
from harness.jsonl import write_lines
from harness.records import Example
from harness.runner.local_worker import LocalWorker
from harness.steps import Step
from harness.store import Store

pytestmark = pytest.mark.usefixtures("planted_key")


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address that takes no connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    monkeypatch.setattr(api, "ANSWERED", set())
    return url


def test_an_address_that_never_answered_is_given_up_soon(nobody: str, pauses: list[float]) -> None:
    text = message(Odd(nobody, lambda question, time: said("a")).generator(retries=6), "x")
    assert text.startswith(f"{nobody}: no answer after 3 tries; the last one: [Errno")
    assert "Fix: check api.url, and that the server runs" in text
    assert (len(pauses), sum(pauses) < 10) == (2, True)


def test_a_server_that_has_answered_before_is_waited_for(nobody: str, pauses: list[float]) -> None:
    with odd_server(lambda question, time: said("a")) as odd:
        asked(odd.generator(), "x")
        generator = odd.generator(retries=6)
    assert "no answer after 7 tries" in (text := message(generator, "x"))
    assert "see that the server runs" in text
    assert sum(pauses) > 60


def test_a_server_that_only_refuses_is_there(nobody: str, pauses: list[float]) -> None:
    with odd_server(lambda question, time: failed(503, "starting")) as odd:
        assert "no answer after 7 tries" in message(odd.generator(retries=6), "x")


def test_a_server_that_was_busy_and_then_restarts_is_waited_for(
    nobody: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [Hiccup("503: starting"), *(Hiccup("refused", unreachable=True) for _ in range(3))]

    def answer(self: Endpoint, turns: object, *, limit: int) -> Generated:
        if faults:
            raise faults.pop(0)
        return Generated("a", "ok", 1, 1)

    monkeypatch.setattr(Endpoint, "answer", answer)
    generator = Odd(nobody, lambda question, time: said("a")).generator(retries=6)
    assert [one.text for one in asked(generator, "x")] == ["a"]


def test_kept_answers_show_that_an_address_is_right(nobody: str, pauses: list[float]) -> None:
    generator = Odd(nobody, lambda question, time: said("a")).generator(retries=6)
    talks = [[{"role": "user", "content": text}] for text in "xy"]
    with pytest.raises(UserError, match="after 7 tries"):
        generator.answers(talks, max_new_tokens=3, known={0: Generated("a", "ok", 1, 1)}, keep=lambda new: None)


def test_every_wait_is_told_with_its_reason(nobody: str, pauses: list[float]) -> None:
    words: list[str] = []
    with odd_server(lambda question, time: failed(503, "busy") if time < 4 else said("a")) as odd:
        asked(odd.generator(retries=3, tell=words.append), "x")
    shown = [re.sub(r"in \d s", "in N s", text) for text in words]
    assert shown == [f"no answer (503: busy); try {number} of 4 in N s" for number in (2, 3, 4)]
    message(Odd(nobody, lambda question, time: said("a")).generator(retries=6, tell=words.append), "x")
    assert "Connection refused); try 2 of 3 in" in words[3]


def test_many_requests_tell_one_outage_once_and_passing_faults_seldom() -> None:
    now, words, fault = [0.0], list[str](), Hiccup(f"busy {'very ' * 99}")
    herald = Herald(words.append, clock=lambda: now[0])
    for tries in (1, 1, 1, 2, 2, 1):
        herald.told(fault, tries=tries, most=7, seconds=2.0)
    assert [text[text.index("; try") :] for text in words] == ["; try 2 of 7 in 2 s", "; try 3 of 7 in 2 s"]
    assert all(len(text) < 150 for text in words)
    now[0] = 60.0
    herald.told(fault, tries=1, most=7, seconds=2.0)
    assert len(words) == 3


def test_a_wait_in_the_worker_is_heard_outside(nobody: str, tmp_path: Path) -> None:
    store, words = Store(tmp_path / "store"), list[str]()
    data = Step("data", {})
    with store.workspace(data.key) as folder:
        write_lines(folder / "train.jsonl", [])
        write_lines(
            folder / "validation.jsonl", [Example(id="a", split="validation", group="a", input="x", reference="y")]
        )
        store.commit(data, path=folder, summary={}, seconds=0, provenance={})
    limits = {"key_env": None, "requests_per_minute": None, "parallel": 1, "timeout_seconds": 5.0, "retries": 1}
    asked = {"engine": "openai", "model": {"url": nobody, "model": "m"}, "prompt": {"template": "{input}"}}
    step = Step(
        "predict",
        {**asked, "kind": "generation", "split": "validation", "max_new_tokens": 4},
        needs={"data": data.key},
        local=limits,
    )
    with LocalWorker(store, folder=tmp_path, offline=True) as worker, pytest.raises(UserError, match="after 2 tries"):
        worker.execute(step, progress=lambda done, total: None, tell=words.append)
    assert len(words) == 1
    assert "Connection refused); try 2 of 2 in" in words[0]


def test_a_server_that_asks_to_wait_is_obeyed(pauses: list[float]) -> None:
    date = formatdate(2_000_000_000, usegmt=True)
    waits = {"a": "17", "b": "0", "c": date, "d": "soon", "e": "nan", "f": "-3"}
    with odd_server(
        lambda question, time: failed(429, "wait", retry_after=waits[question]) if time == 1 else said("a")
    ) as odd:
        asked(odd.generator(), "a")
        assert 17.0 in pauses
        pauses.clear()
        for question in "bdef":
            asked(odd.generator(), question)
        assert all(1 <= seconds <= 2 for seconds in pauses)
        assert "asks to wait" in message(odd.generator(), "c"), "a date far away"


def test_the_pace_is_even_and_holds_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(patience, "pause", lambda seconds, *, stop: now.__setitem__(0, now[0] + seconds))
    pace = Pace(30, stop=threading.Event(), clock=lambda: now[0])
    starts: list[Any] = []
    for _ in range(3):
        pace.wait()
        starts.append(now[0])
    pace.hold(50)
    pace.wait()
    assert [*starts, now[0]] == [100, 102, 104, 154]
