"""Copies and erasure: jobs that reach every service that holds something about a person.

PREPARING → ERASING → ERASED       nothing stood against it
PREPARING, ERASING → BLOCKED       something does; asked again: → PREPARING
PREPARING, BLOCKED → CANCELLED     the person has changed their mind, and nothing is erased yet
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.identity.domain.refusals import state_not_allowed
from services.values.errors import Category, Refusal

HOLDERS = ("deposits", "rental", "scoring")
"""The other services that hold something about people."""
OURSELVES = "identity"
EXPORT_LASTS = timedelta(days=7)
SETTLING = timedelta(seconds=15)
"""How long after a person was stopped no service erases yet (real time): a call that saw them in good standing has
ten seconds to come to its end."""
ASK_AGAIN, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
"""How long a blocked erasure waits until services are asked again (real time): doubled each time, to the longest."""


class PrivacyStep(StrEnum):
    """What is asked of a holder; names as in `freehold.privacy.v1.PrivacyStep`."""

    EXPORT = "EXPORT"
    PREPARE = "PREPARE"
    ERASE = "ERASE"


class ExportState(StrEnum):
    """How far a copy has come; names as in `freehold.identity.v1.ExportState`."""

    COLLECTING = "COLLECTING"
    READY = "READY"


@dataclass(frozen=True, slots=True)
class Export:
    """A copy of everything held about a person."""

    export_id: str
    renter_id: str
    state: ExportState
    asked_at: datetime
    ready_at: datetime | None = None
    expires_at: datetime | None = None


class ErasureState(StrEnum):
    """How far an erasure has come; names as in `freehold.identity.v1.ErasureState`."""

    PREPARING = "PREPARING"
    BLOCKED = "BLOCKED"
    ERASING = "ERASING"
    ERASED = "ERASED"
    CANCELLED = "CANCELLED"


class StepState(StrEnum):
    """How far one service has come; names as in `freehold.identity.v1.ErasureStepState`."""

    ASKED = "ASKED"
    READY = "READY"
    BLOCKED = "BLOCKED"
    ERASED = "ERASED"


@dataclass(frozen=True, slots=True)
class Step:
    """One service's part: what stands against erasing, or how many rows went and how many stay, by what they are."""

    state: StepState = StepState.ASKED
    reasons: tuple[str, ...] = ()
    erased: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Erasure:
    """The job that erases a person. `ask_again_at` is real time, the other times are business time."""

    erasure_id: str
    renter_id: str
    state: ErasureState
    asked_at: datetime
    ask_again_at: datetime
    steps: Mapping[str, Step]
    erased_at: datetime | None = None
    receipt: str = ""
    asks: int = 1

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.state in (ErasureState.PREPARING, ErasureState.BLOCKED, ErasureState.ERASING)

    @property
    def complete(self) -> bool:
        """Whether every other service has erased, so that our turn has come."""
        return all(self.steps[holder].state is StepState.ERASED for holder in HOLDERS)


def begun(erasure_id: str, renter_id: str, now: datetime, real_now: datetime) -> Erasure:
    """An erasure that every holder is asked to prepare."""
    steps = {holder: Step() for holder in HOLDERS}
    return Erasure(erasure_id, renter_id, ErasureState.PREPARING, now, real_now, steps)


def answered(erasure: Erasure, holder: str, answer: Step, real_now: datetime) -> Erasure:
    """What a holder said; late and repeated answers change nothing."""
    known = erasure.steps[holder]
    expected = answer.state is not StepState.READY or erasure.state is not ErasureState.ERASING
    if not erasure.open or known.state is StepState.ERASED or not expected:
        return erasure
    return _weighed(replace(erasure, steps={**erasure.steps, holder: answer}), real_now)


def _weighed(erasure: Erasure, real_now: datetime) -> Erasure:
    states = {step.state for step in erasure.steps.values()}
    if StepState.BLOCKED in states:
        pause = min(LONGEST_PAUSE, ASK_AGAIN * 2 ** min(erasure.asks - 1, 16))
        return replace(erasure, state=ErasureState.BLOCKED, ask_again_at=real_now + pause)
    if states <= {StepState.READY, StepState.ERASED} and StepState.READY in states:
        return replace(erasure, state=ErasureState.ERASING, steps=_asking(erasure))
    return erasure


def asked_again(erasure: Erasure) -> Erasure:
    """A blocked erasure whose holders are asked again; any other stays as it is."""
    if erasure.state is not ErasureState.BLOCKED:
        return erasure
    return replace(erasure, state=ErasureState.PREPARING, steps=_asking(erasure), asks=erasure.asks + 1)


def _asking(erasure: Erasure) -> Mapping[str, Step]:
    return {
        holder: step if step.state is StepState.ERASED else Step(StepState.ASKED)
        for holder, step in erasure.steps.items()
    }


def cancelled(erasure: Erasure) -> Erasure:
    """The person goes on as before; raises STATE_NOT_ALLOWED once anything may be erased."""
    begun_already = any(step.state is StepState.ERASED for step in erasure.steps.values())
    if erasure.state not in (ErasureState.PREPARING, ErasureState.BLOCKED) or begun_already:
        raise state_not_allowed(erasure.state)
    return replace(erasure, state=ErasureState.CANCELLED)


def to_ask(before: Erasure | None, after: Erasure) -> PrivacyStep | None:
    """What the holders that have not erased are to be asked now that the erasure has gone from `before` to `after`."""
    if before is not None and before.state is after.state:
        return None
    asks = {ErasureState.PREPARING: PrivacyStep.PREPARE, ErasureState.ERASING: PrivacyStep.ERASE}
    return asks.get(after.state)


def export_not_found() -> Refusal:
    """The refusal of a copy that is somebody else's, expired or unknown."""
    return Refusal(Category.NOT_FOUND, "EXPORT_NOT_FOUND", "no such export, or it has expired")


def export_not_ready() -> Refusal:
    """The refusal to give a copy that is still being collected."""
    return Refusal(Category.FAILED_PRECONDITION, "EXPORT_NOT_READY", "the export is still being collected")


def erasure_not_found() -> Refusal:
    """The refusal of an unknown erasure."""
    return Refusal(Category.NOT_FOUND, "ERASURE_NOT_FOUND", "no such erasure")
