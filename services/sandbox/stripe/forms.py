"""Forms with brackets, as Stripe's libraries send them: `metadata[deposit_id]=…`, `expand[0]=…`, `created[gte]=…`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from services.sandbox.stripe.errors import invalid

Json = dict[str, Any]
_PART = re.compile(r"\[([^\[\]]*)\]")
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def parse(text: str) -> Json:
    """The form as nested dicts; lists are dicts by index until `items` reads them. Error: 400."""
    form: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found = _NAME.fullmatch(name)
        if found is None:
            raise invalid("Invalid form.")
        path = [found[1], *_PART.findall(found[2])]
        place = form
        for part in path[:-1]:
            place = place.setdefault(part or str(len(place)), {})
            if not isinstance(place, dict):
                raise invalid("Invalid form.", param=found[1])
        place[path[-1] or str(len(place))] = value
    return form


class Params:
    """A request's parameters; one that is not expected is refused, as Stripe does."""

    def __init__(self, form: Json, expected: Iterable[str]) -> None:
        unknown = sorted(form.keys() - set(expected))
        if unknown:
            raise invalid(f"Received unknown parameter: {unknown[0]}", param=unknown[0], code="parameter_unknown")
        self._form = form

    def text(self, name: str, default: str | None = None) -> str:
        """A string; without a default it is required."""
        value = self._form.get(name, default)
        if value is None:
            raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {name}", param=name)
        return value

    def maybe(self, name: str) -> str | None:
        """A string, or None."""
        return self.text(name) if name in self._form else None

    def whole(self, name: str, default: int | None = None) -> int:
        """An integer that is not negative."""
        value = self.text(name, None if default is None else str(default))
        if not re.fullmatch(r"[0-9]{1,12}", value):
            raise invalid(f"Invalid integer: {name}", param=name, code="parameter_invalid_integer")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.text(name, str(default).lower())
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {name}", param=name)
        return value == "true"

    def group(self, name: str) -> Json:
        """What stands in brackets."""
        value = self._form.get(name, {})
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=name)
        return value

    def items(self, name: str) -> list[str]:
        """A list of strings."""
        return [str(value) for _, value in sorted(self.group(name).items())]

    def metadata(self) -> dict[str, str]:
        """At most 50 pairs, keys of at most 40 characters, values of at most 500. Error: 400."""
        given = self.group("metadata")
        for key, value in given.items():
            if not isinstance(value, str) or len(key) > 40 or len(value) > 500:
                raise invalid("Metadata keys have at most 40 characters, values 500.", param="metadata")
        return given
