"""Frozen values of many fields, made and altered fast: hundreds of them stand behind every batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class Alterable:
    """For frozen dataclasses without slots: `dataclasses.replace` and `__init__` go field by field, which is slower."""

    __slots__ = ()

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """A value of these fields; what is left out has its default."""
        made = object.__new__(cls)
        made.__dict__.update(fields)
        return made

    def but(self, **changes: Any) -> Self:
        """This value with some fields changed."""
        changed = object.__new__(type(self))
        changed.__dict__.update(self.__dict__, **changes)
        return changed
