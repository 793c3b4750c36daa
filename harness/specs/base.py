"""The rules every spec shares."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Positive = Annotated[float, Field(gt=0)]


class Spec(BaseModel):
    """Frozen; unknown keys are errors; types are exact; the docstring under a field documents it."""

    # strict: `trials: true` and `trials: "8"` are mistakes, not 1 and 8.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_section_means_defaults(cls, value: Any) -> Any:
        """`search:` with nothing under it is the default section."""
        if not isinstance(value, dict):
            return value
        return {key: item for key, item in value.items() if item is not None or not cls._is_section(key)}

    @classmethod
    def _is_section(cls, key: Any) -> bool:
        field = cls.model_fields.get(key)
        default = field.get_default(call_default_factory=True) if field else None
        return isinstance(default, (BaseModel, dict, list))


def misfit(what: str, *, fix: str, fields: tuple[str, ...] = ()) -> PydanticCustomError:
    """What a validator raises: `what` continues the field's name, `fix` is a value that would do.

    A validator of a whole section names the `fields` at odds, the one to change first.
    """
    told = what.encode("utf-8", "backslashreplace").decode()  # pydantic takes no half of a surrogate pair.
    return PydanticCustomError("misfit", "{what}", {"what": told, "fix": fix, "fields": fields})
