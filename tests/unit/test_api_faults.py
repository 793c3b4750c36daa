"""Whatever a server does, a run ends in answers or in one message, and what was answered is kept."""

import socket
import threading
from collections.abc import Iterator

import pytest
from odd_server import KEY, Reply, asked, failed, message, odd_server, said, talk

from harness.adapters.generator import Generated

pytestmark = pytest.mark.usefixtures("planted_key")


@pytest.mark.parametrize(
    "fault",
    [
        failed(429, "slow down"),
        failed(408, "too late"),
        failed(409, "conflict"),
        failed(500, "oh"),
        failed(503, "busy"),
        Reply(b"<html>not JSON"),
        Reply(b""),
        Reply(b"[" * 100_000),
        Reply(b"\xff\xfe"),
        Reply({"choices": []}),
        Reply({"error": {"message": "upstream"}}),
        Reply({"choices": [{"message": None}]}),
        Reply({"choices": [{"message": {"content": [1]}}]}),
        Reply([1]),
        Reply(b"null"),
        Reply(b'{"choices"', cut=True),
        Reply(b"500", status=500, headers={"content-type": "text/html"}),
    ],
    ids=lambda reply: f"{reply.status}-{str(reply.body)[:20]}",
)
def test_a_passing_fault_is_tried_again(fault: Reply, pauses: list[float]) -> None:
    with odd_server(lambda question, time: fault if time == 1 else said("fine")) as odd:
        assert asked(odd.generator(), "x") == [Generated("fine", "ok", 7, 3)]
    assert len(odd.asked) == 2
    assert 1 <= pauses[0] <= 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (failed(429, "Rate limit reached"), ["no answer after 4 tries", "429: Rate limit reached", "requests_per_min"]),
        (failed(500, f"key {KEY} is\x1b[31m odd"), ["500: key *** is [31m odd"]),
        (Reply(b"<html>garbage\n</html>"), ["no chat completion but: <html>garbage </html>"]),
        (Reply({"choices": []}), ["no chat completion", '{"choices": []}']),
        (Reply(b""), ["no chat completion but: nothing"]),
    ],
)
def test_a_lasting_fault_is_one_message_after_the_last_try(fault: Reply, words: list[str], pauses: list[float]) -> None:
    with odd_server(lambda question, time: fault) as odd:
        text = message(odd.generator(retries=3, key_env="PLANTED_KEY"), "x")
        assert text.startswith(f"{odd.url}: ")
    assert all(word in text for word in [*words, "answers so far are kept, so the same command goes on"]), text
    assert len(odd.asked) == 4
    assert [round(seconds) for seconds in pauses] == sorted(round(seconds) for seconds in pauses)
    assert 4 <= pauses[2] <= 5


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            failed(401, f"Incorrect API key: {KEY[:12]}***"),
            ["refuses the key (401", "environment variable PLANTED_KEY"],
        ),
        (failed(403, "no"), ["refuses the key (403: no)"]),
        (failed(404, "The model `odd` does not exist"), ["no model odd there", "does not exist", "ends in /v1"]),
        (failed(400, "temperature must be 1"), ["refuses the request (400: temperature must be 1)", "api.model"]),
        (Reply({"detail": "pinned"}, 422), ["(422: pinned)"]),
        (failed(400, "max_tokens: at most 100 here"), ["refuses the request"]),
        (failed(429, "no money", code="insufficient_quota"), ["no more for now (429: no money)", "quota"]),
        (failed(429, "come back", retry_after="86400"), ["asks to wait 86,400 seconds"]),
    ],
)
def test_a_fault_that_time_does_not_mend_is_told_at_once(fault: Reply, words: list[str], pauses: list[float]) -> None:
    with odd_server(lambda question, time: fault) as odd:
        text = message(odd.generator(retries=9, key_env="PLANTED_KEY"), "x")
    assert all(word in text for word in words), text
    assert "answers so far are kept" in text
    assert (len(odd.asked), pauses) == (1, [])


def test_what_was_answered_before_a_fault_is_kept(pauses: list[float]) -> None:
    with odd_server(lambda question, time: failed(401, "no") if question == "c" else said(question)) as odd:
        kept: dict[int, Generated] = {}
        message(odd.generator(), *"abcdef", kept=kept)
        assert [answer.text for answer in kept.values()] == ["a", "b"]
        assert len(odd.asked) <= 4, "nothing new is asked after the fault"
        odd.respond = lambda question, time: said(question.upper())
        found = odd.generator().answers(talk(*"abcdef"), max_new_tokens=5, known=kept, keep=lambda answers: None)
    assert [answer.text for answer in found] == ["a", "b", "C", "D", "E", "F"]


def test_requests_under_way_when_another_fails_are_kept(pauses: list[float]) -> None:
    failing = threading.Event()

    def respond(question: str, time: int) -> Reply:
        if question == "bad":
            failing.set()
            return failed(404, "no")
        failing.wait(10)
        threading.Event().wait(0.3)  # The failure, not this answer, is to be heard first.
        return said(question)

    with odd_server(respond) as odd:
        kept: dict[int, Generated] = {}
        message(odd.generator(parallel=2), "slow", "bad", *"abcdefgh", kept=kept)
    assert kept[0].text == "slow"
    assert len(odd.asked) < 6  # On a busy machine a few more are under way before the failure is heard.


@pytest.mark.parametrize("reply", [Reply(b"{}", drip=0.05), Reply(b" " * (17 * 2**20))], ids=["drips", "endless"])
def test_a_reply_without_an_end_is_given_up(reply: Reply, pauses: list[float]) -> None:
    with odd_server(lambda question, time: reply if time == 1 else said("fine")) as odd:
        assert asked(odd.generator(timeout_seconds=0.3 if reply.drip else 10.0), "x")[0].text == "fine"
        assert len(odd.asked) == 2


def test_a_silent_server_is_one_message(pauses: list[float]) -> None:
    release = threading.Event()

    def silent(question: str, time: int) -> Reply:
        release.wait(10)
        return said("late")

    with odd_server(silent) as odd:
        text = message(odd.generator(timeout_seconds=0.2, retries=1), "x")
        release.set()
    assert "no answer after 2 tries; the last one: timed out" in text


def test_no_server_is_one_message(pauses: list[float]) -> None:
    with odd_server(lambda question, time: said("a")) as odd:
        generator = odd.generator(retries=0)
    assert "no answer after 1 try; the last one: [Errno" in message(generator, "x")


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address where every connection is closed at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_hang_up, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _hang_up(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def test_a_server_that_hangs_up_is_one_message(deaf: str, pauses: list[float]) -> None:
    with odd_server(lambda question, time: said("a")) as odd:
        odd.url = deaf
        assert "no answer after 2 tries" in message(odd.generator(), "x")
