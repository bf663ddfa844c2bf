"""One error family: a category (what kind of failure), a reason (which rule), and the fields to blame.

The category is mapped to a gRPC status code once, in `services.runtime`. Reasons are the names of
`freehold.errors.v1.ErrorReason` without their prefix; they are documented there, each with an example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Category(StrEnum):
    """What kind of failure it is, in the vocabulary of google.rpc.Code."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    ABORTED = "ABORTED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    UNAVAILABLE = "UNAVAILABLE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that broke a rule: `field` is its path in the request, `description` says the rule, never the value."""

    field: str
    description: str


@dataclass(eq=False)
class Refusal(Exception):
    """A typed failure that a caller can act on without reading prose.

    `message` is for developers; it carries no personal data, secret or value that the caller sent.
    `metadata` goes into `google.rpc.ErrorInfo.metadata`.
    """

    category: Category
    reason: str
    message: str
    violations: tuple[Violation, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.category}/{self.reason}: {self.message}"


def invalid(field_path: str, description: str, reason: str = "INVALID_FIELD") -> Refusal:
    """A refusal that names one field: INVALID_ARGUMENT with one violation."""
    return Refusal(
        Category.INVALID_ARGUMENT, reason, f"{field_path}: {description}", (Violation(field_path, description),)
    )
