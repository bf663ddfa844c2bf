"""Who calls: a bearer credential on the public door, a certificate on the internal one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from services.runtime.interceptors.calls import Context
from services.values.access import Rule
from services.values.callers import Caller, Role
from services.values.errors import Category, Refusal

Authenticate = Callable[[str], Awaitable[Caller]]
Access = Mapping[str, Rule]

INVALID = "CREDENTIALS_INVALID"
_SUFFIX = ".freehold.internal"


def bearer_of(context: Context) -> str:
    """The credential in `authorization: Bearer …`; raises CREDENTIALS_MISSING."""
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str) and value[:7].lower() == "bearer ":
            return value[7:].strip()
    raise Refusal(Category.UNAUTHENTICATED, "CREDENTIALS_MISSING", "send `authorization: Bearer …` metadata")


def allow(caller: Caller, rule: Rule) -> None:
    """Raises CALLER_NOT_ALLOWED when this kind of caller, or this key, may not call the RPC."""
    if not rule.admits(caller):
        raise Refusal(Category.PERMISSION_DENIED, "CALLER_NOT_ALLOWED", f"this {caller.role.lower()} may not call this")


def peer_of(context: Context) -> Caller | None:
    """The service whose certificate the peer showed; None for anybody else."""
    for name in context.auth_context().get("x509_subject_alternative_name", ()):
        text = bytes(name).decode("ascii", "replace")
        if text.endswith(_SUFFIX):
            return Caller(Role.SERVICE, text.removesuffix(_SUFFIX))
    return None
