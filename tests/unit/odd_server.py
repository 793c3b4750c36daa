"""A server on this machine that speaks the OpenAI protocol, and misbehaves as it is told."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.adapters.generator import Answerer, Generated, Generator, Tell, generator, untold
from harness.errors import UserError

KEY = "sk-planted-0123456789abcdef"


@dataclass(frozen=True)
class Reply:
    """What goes back for one request."""

    body: Any = b""
    """Bytes as they are, anything else as JSON."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """Promise more than is sent, then hang up."""
    drip: float = 0.0
    """Send a blank this often, in seconds, and never the body."""


def said(text: Any, *, reason: str = "stop", **more: Any) -> Reply:
    """A good answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return Reply({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage, **more})


def failed(status: int, message: str, *, code: str | None = None, **headers: str) -> Reply:
    """An error as the real servers word it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"error": {"message": message, "type": "x", "code": code}}, status, named)


@dataclass
class Odd:
    """The server's address, what it was asked, and what it will say."""

    url: str
    respond: Callable[[str, int], Reply]
    """Called with the last message and how often it has been asked by now."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the requests."""
    keys: list[str | None] = field(default_factory=list)

    def reply(self, body: dict[str, Any], key: str | None) -> Reply:
        question = body["messages"][-1]["content"]
        self.asked.append(body)
        self.keys.append(key)
        return self.respond(question, sum(other["messages"][-1]["content"] == question for other in self.asked))

    def generator(self, *, tell: Tell = untold, **limits: Any) -> Generator:
        """The engine that asks it; tried twice unless told otherwise."""
        usual = {"key_env": None, "requests_per_minute": None, "parallel": 1, "timeout_seconds": 10.0, "retries": 1}
        return generator(Answerer("openai", {"url": self.url, "model": "odd"}, {**usual, **limits}, tell=tell))


@contextmanager
def odd_server(respond: Callable[[str, int], Reply]) -> Iterator[Odd]:
    """Serves until left."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    odd = Odd(f"http://127.0.0.1:{server.server_address[1]}/v1", respond)
    server.odd = odd  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield odd
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def talk(*questions: str) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": question}] for question in questions]


def asked(generator: Generator, *questions: str, kept: dict[int, Generated] | None = None) -> list[Generated]:
    keep = (kept if kept is not None else {}).update
    return generator.answers(talk(*questions), max_new_tokens=5, known={}, keep=keep)


def message(generator: Generator, *questions: str, kept: dict[int, Generated] | None = None) -> str:
    with pytest.raises(UserError) as caught:
        asked(generator, *questions, kept=kept)
    text = str(caught.value)
    assert "Fix: " in text
    assert "\n" not in text
    assert KEY[:8] not in text
    return text


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        odd: Odd = self.server.odd  # type: ignore[attr-defined]
        reply = odd.reply(body, self.headers["authorization"])
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content) + (10_000 if reply.cut or reply.drip else 0)))
        self.end_headers()
        try:
            while reply.drip:
                self.wfile.write(b" ")
                time.sleep(reply.drip)
            self.wfile.write(content)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: standard error belongs to the tests."""
