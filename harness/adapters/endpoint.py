"""Turn one conversation into one request to an OpenAI-compatible server, and whatever comes back into an answer.

The server is trusted with nothing: its reply may be late, endless, no JSON, or the key itself said back.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.adapters.generator import Generated
from harness.adapters.patience import Hiccup, seconds_asked
from harness.errors import UserError
from harness.prompts import Message

LONGEST_WAIT = 600.0
"""Seconds. A server that asks for more is better asked again tomorrow."""
LARGEST = 16 * 2**20
"""Bytes of a reply; no answer is that long."""
SHOWN = 300
SECRET = 16
"""Characters from which on a key in an answer is no coincidence."""
PIECE = 8
"""Characters of a key that are already too many to show."""
TOO_LONG = re.compile(
    r"context.?(length|window|size|limit)|maximum (length|prompt|input)|max_model_len"
    r"|(prompt|input|message)s? (is|are) too long|too many (input|prompt) tokens",
    re.IGNORECASE,
)
"""How servers say that prompt and answer do not fit the context."""


@dataclass(frozen=True)
class Endpoint:
    """A model behind an address."""

    client: Any
    """openai.OpenAI that tries once."""
    url: str
    model: str
    key_env: str | None
    timeout: float
    """Seconds for a whole reply."""
    key: str = field(default="", repr=False)

    def answer(self, turns: list[Message], *, limit: int) -> Generated:
        """The greedy answer; raises `Hiccup` where trying again may help and `UserError` where it will not."""
        from httpx import ConnectError, ConnectTimeout, HTTPError
        from openai import APIConnectionError, APIStatusError, OpenAIError

        try:
            body = self._reply(turns, limit=limit)
        except APIStatusError as error:
            return self._refused(error)
        except (APIConnectionError, HTTPError, OpenAIError) as error:
            cause = error.__cause__ or error
            said, unreachable = (
                self.shown(str(cause) or type(error).__name__),
                isinstance(cause, ConnectError | ConnectTimeout),
            )
            raise Hiccup(said, unreachable=unreachable) from None
        found = self._read(body)
        return found._replace(text=found.text.replace(self.key, "***")) if len(self.key) >= SECRET else found

    def _reply(self, turns: list[Message], *, limit: int) -> bytes:
        """The body of a reply with a good status."""
        end = time.monotonic() + self.timeout
        body = bytearray()
        with self.client.chat.completions.with_streaming_response.create(
            model=self.model,
            messages=[{**turn, "content": well_formed(turn["content"])} for turn in turns],
            max_tokens=limit,
            temperature=0.0,
            seed=0,
        ) as response:
            # The client's own limit is for each piece of a reply; a server that drips would never end.
            for piece in response.iter_bytes():
                body += piece
                if time.monotonic() > end:
                    raise Hiccup(f"no whole answer within {self.timeout:g} seconds")
                if len(body) > LARGEST:
                    raise Hiccup(f"an answer of more than {LARGEST:,} bytes")
        return bytes(body)

    def _read(self, body: bytes) -> Generated:
        try:
            reply = json.loads(body)
            choice = reply["choices"][0]
            text, reason = choice["message"].get("content") or "", choice.get("finish_reason")
            status = "unfinished" if reason == "length" else "ok"
            return Generated(well_formed(text).strip(), status, *_tokens(reply.get("usage")))
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
            said = self.shown(body[: 4 * SHOWN].decode("utf-8", "replace")) or "nothing"
            raise Hiccup(f"it sent no chat completion but: {said}") from None

    def _refused(self, error: Any) -> Generated:
        """An item that is too long has an answer of its own; all else ends the run or is tried again."""
        code, status = getattr(error, "code", None), error.status_code
        said = f"{status}: {self.shown(_told(error))}"
        if status == 400 and (code == "context_length_exceeded" or TOO_LONG.search(_told(error))):
            return Generated("", "truncated", 0, 0)
        if status in (408, 409, 429) or status >= 500:
            after = seconds_asked(error.response.headers)
            if code == "insufficient_quota" or (after or 0) > LONGEST_WAIT:
                wait = f" and asks to wait {after:,.0f} seconds" if after else ""
                raise self.mistake(
                    f"the server answers no more for now ({said}){wait}", fix="wait, or ask for a larger quota"
                )
            raise Hiccup(said, after=after)
        raise self._for_good(status, said=said)

    def _for_good(self, status: int, *, said: str) -> UserError:
        if status in (401, 403):
            held = f"put a valid key into the environment variable {self.key_env}"
            fix = held if self.key_env else "name the environment variable that holds the key in api.key_env"
            return self.mistake(f"the server refuses the key ({said})", fix=fix)
        if status == 404:
            fix = "check api.model and api.url, which usually ends in /v1"
            return self.mistake(f"no such address, or no model {self.shown(self.model)} there ({said})", fix=fix)
        fix = "check api.model, and that the model takes temperature 0, a seed and max_tokens"
        return self.mistake(f"the server refuses the request ({said})", fix=fix)

    def mistake(self, what: str, *, fix: str) -> UserError:
        """A message that names the address and says that nothing is lost."""
        return UserError(what, where=self.url, fix=f"{fix}; answers so far are kept, so the same command goes on")

    def shown(self, text: str) -> str:
        """What a server said, on one short line, without the key or a piece of it."""
        pieces = [self.key[start : start + PIECE] for start in range(len(self.key) - PIECE + 1)]
        for secret in filter(None, [self.key, *pieces]):
            text = text.replace(secret, "***")
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def well_formed(text: str) -> str:
    """`text` with halves of surrogate pairs replaced: they are no Unicode, and no file takes them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _tokens(usage: Any) -> tuple[int, int]:
    """Prompt and generated tokens; 0 where the server does not count, since a guess would look like a count."""
    counts = [usage.get(name) if isinstance(usage, Mapping) else 0 for name in ("prompt_tokens", "completion_tokens")]
    first, second = (count if type(count) is int and count > 0 else 0 for count in counts)
    return first, second


def _told(error: Any) -> str:
    """The server's own words."""
    body = error.body
    if isinstance(body, Mapping):
        body = body.get("message") or body.get("detail") or json.dumps(body)
    return str(body or error.message)
