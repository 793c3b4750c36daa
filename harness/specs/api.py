"""What a model behind an OpenAI-compatible API is."""

from pydantic import Field

from harness.specs.base import Positive, Spec


class ApiSpec(Spec):
    """An endpoint, a model's name there, and what it charges."""

    url: str = Field(pattern=r"^https?://", examples=["https://api.openai.com/v1"])
    """Base address, with `/v1` where the server has it."""
    model: str
    """The model's name, as the server knows it."""
    key_env: str | None = "OPENAI_API_KEY"
    """Environment variable that holds the key; null where the server wants none. The key itself is written nowhere."""
    usd_per_million_in: float = Field(default=0.0, ge=0)
    """Price of a million prompt tokens, in dollars."""
    usd_per_million_out: float = Field(default=0.0, ge=0)
    """Price of a million generated tokens, in dollars."""
    requests_per_minute: Positive | None = None
    """Ask no faster than this; null: as fast as the server answers."""
    parallel: int = Field(default=4, ge=1)
    """Requests under way at once."""
    timeout_seconds: Positive = 60.0
    """Give up on a request after this long, and try it again."""
    retries: int = Field(default=6, ge=0)
    """How often a request that failed (server down, 429, 5xx, timeout, unreadable) is tried again, with backoff."""
