"""Turn conversations into answers of a model behind an OpenAI-compatible API, several requests at a time."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event

from harness.adapters.api_key import api_key
from harness.adapters.endpoint import Endpoint
from harness.adapters.generator import Answerer, Generated, Keep, Tell, checked_engine, untold
from harness.adapters.patience import Herald, Hiccup, Pace, Stopped, persistent
from harness.errors import UserError
from harness.prompts import Message

FIRST_TRIES = 3
"""At an address that never answered and takes no connection, which is likely wrong."""
ANSWERED: set[str] = set()
"""Addresses that have answered, if only that they are busy: whoever was heard once is waited for with patience."""
NO_KEY = "none"
"""Sent where a server wants no key: the client must send something, and must not take it from elsewhere."""


def api_generator(answerer: Answerer) -> "ApiGenerator":
    """The engine over an endpoint; the key is read from the environment and kept nowhere else."""
    limits, url = answerer.local, answerer.model["url"]
    checked_engine("openai", where=url)
    from openai import OpenAI

    key, timeout = api_key(limits["key_env"], where=url), float(limits["timeout_seconds"])
    client = OpenAI(base_url=url, api_key=key or NO_KEY, timeout=timeout, max_retries=0)
    endpoint = Endpoint(client, url, answerer.model["model"], limits["key_env"], timeout, key)
    return ApiGenerator(endpoint, limits["retries"], limits["parallel"], limits["requests_per_minute"], answerer.tell)


@dataclass(frozen=True)
class ApiGenerator:
    """Greedy answers of a model behind an API."""

    endpoint: Endpoint
    retries: int
    parallel: int
    per_minute: float | None
    tell: Tell = untold

    def answers(
        self, conversations: Sequence[list[Message]], *, max_new_tokens: int, known: Mapping[int, Generated], keep: Keep
    ) -> list[Generated]:
        """One answer a conversation, in their order; when one fails for good, those under way are still kept."""
        found, stop = dict(known), Event()
        if known:
            ANSWERED.add(self.endpoint.url)
        pace, herald = Pace(self.per_minute, stop=stop), Herald(self.tell)
        failure: BaseException | None = None
        with ThreadPoolExecutor(self.parallel, "api") as pool:
            places: dict[Future[Generated], int] = {
                pool.submit(self._asked, turns, limit=max_new_tokens, pace=pace, stop=stop, herald=herald): place
                for place, turns in enumerate(conversations)
                if place not in known
            }
            try:
                for future in as_completed(places):
                    error = future.exception()
                    if error is None:
                        found[places[future]] = future.result()
                        keep({places[future]: future.result()})
                    elif not isinstance(error, Stopped):
                        failure = failure or error
            finally:
                stop.set()
        if failure is not None:
            raise failure
        return [found[place] for place in range(len(conversations))]

    def choices(
        self,
        conversations: Sequence[list[Message]],
        *,
        labels: Sequence[str],
        known: Mapping[int, Generated],
        keep: Keep,
    ) -> list[Generated]:
        """No API tells how likely each label is as the whole answer."""
        what = "a model behind an API does not tell how likely a label is"
        raise UserError(what, where=self.endpoint.url, fix="decoding: [generate]")

    def _asked(self, turns: list[Message], *, limit: int, pace: Pace, stop: Event, herald: Herald) -> Generated:
        def once() -> Generated:
            try:
                answer = self.endpoint.answer(turns, limit=limit)
            except Hiccup as fault:
                if not fault.unreachable:
                    ANSWERED.add(self.endpoint.url)
                raise
            ANSWERED.add(self.endpoint.url)
            return answer

        try:
            return persistent(once, worth=self._worth, pace=pace, stop=stop, herald=herald)
        except Exception as error:
            stop.set()
            if not isinstance(error, Hiccup):
                raise
            tries = f"{error.tries} {'tries' if error.tries > 1 else 'try'}"
            fix = "see that the server runs and how much it allows; api.retries and api.requests_per_minute set limits"
            if error.unreachable and self.endpoint.url not in ANSWERED:
                fix = "check api.url, and that the server runs"
            raise self.endpoint.mistake(f"no answer after {tries}; the last one: {error}", fix=fix) from None

    def _worth(self, fault: Hiccup) -> int:
        """Tries in all."""
        unknown = fault.unreachable and self.endpoint.url not in ANSWERED
        return min(self.retries + 1, FIRST_TRIES) if unknown else self.retries + 1
