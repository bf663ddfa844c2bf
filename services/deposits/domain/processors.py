"""What payment processors can do, and what they say: the vocabulary of the one port that every adapter speaks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.deposits.domain.altering import Alterable


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a processor allows; deposits asks nothing of it that it has not declared.

    Attributes:
        name: how payment methods and operations name it, for example "stripe".
        authorization_valid: how long an authorization holds unless its result says otherwise.
        partial_captures: whether one authorization may be captured in several parts; without, the first is the last.
        increments: whether an authorization may be raised.
        over_capture_percent: how far a final capture may exceed what is held, in percent of it.
        charges: whether it can be charged later without the renter (merchant-initiated).
        asynchronous: whether an authorization waits for the renter to confirm it, so that its result comes later.
    """

    name: str
    authorization_valid: timedelta
    partial_captures: bool = False
    increments: bool = False
    over_capture_percent: int = 0
    charges: bool = True
    asynchronous: bool = False


@dataclass(frozen=True)
class Hold(Alterable):
    """One authorization at a processor. Always authorized = captured + released + expired + open.

    `hold_id` is the id of the AUTHORIZE operation that made it, `reference` the processor's own. `credit_minor` is the
    part of what was authorized that a credit line stands for, not the renter's own money (Alipay tells them apart).
    """

    hold_id: str
    deposit_id: str
    processor: str
    reference: str
    authorized_minor: int = 0
    captured_minor: int = 0
    released_minor: int = 0
    expired_minor: int = 0
    open_minor: int = 0
    credit_minor: int = 0
    expires_at: datetime | None = None
    announced: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """An authorization as the processor has it now; the parts add up as ours do."""

    authorized_minor: int
    captured_minor: int
    released_minor: int
    expired_minor: int
    open_minor: int
    expires_at: datetime | None = None


class LineKind(StrEnum):
    """What a line of a processor's report is about."""

    AUTHORIZATION = "AUTHORIZATION"
    CHARGE = "CHARGE"
    REFUND = "REFUND"


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One payment in a processor's report, as it stands when the report is made.

    `operation_id` is the key under which we asked for it, `deposit_id` what we named it by; both empty when the
    processor does not tell, as with a payment that was made by hand. Of a charge and a refund `captured_minor` is the
    amount that moved.
    """

    reference: str
    kind: LineKind
    operation_id: str
    deposit_id: str
    currency: str
    amount_minor: int
    captured_minor: int
    released_minor: int
    expired_minor: int
    open_minor: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """What a processor's webhook says, its signature checked: which operation or authorization to ask about.

    A notice is a hint and nothing more: its content is never believed, the processor is asked. So duplicates,
    reordering and losses do no harm.

    Attributes:
        notice_id: the processor's own id of it, for the log.
        operation_id: the operation that has an outcome, when the notice names it.
        reference: else the authorization that has changed.
        reply: the body that the processor expects in return (status 200).
        reply_type: its content type.
    """

    notice_id: str
    operation_id: str = ""
    reference: str = ""
    reply: bytes = b""
    reply_type: str = "text/plain"


class NoticeRejected(Exception):
    """The notice is not the processor's: no signature, a wrong one, or too old."""
