"""What policies need of the world, and what they give to decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deposits.domain import (
    AdmittanceOutcome,
    AssuranceLevel,
    Deposit,
    Policy,
    PolicyDraft,
    PolicyState,
    Ruling,
)
from services.values.money import Money
from services.values.requests import Request


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision takes into account besides the score: the asset's city, class and monthly rent, and on what
    grounds the renter is believed."""

    city: str = ""
    asset_class: str = ""
    monthly_rent: Money | None = None
    assurance: AssuranceLevel = AssuranceLevel.UNSPECIFIED


UNKNOWN = Circumstances()
"""An asset without city, class and rent, and nothing known of the renter."""


@dataclass(frozen=True, slots=True)
class Cap:
    """How much may be waived to one person and open at a time, across partners; `waived_minor` None for any amount."""

    open_waived: int
    waived_minor: int | None = None


def cap_of(draft: PolicyDraft) -> Cap:
    """The cap that a policy sets."""
    return Cap(draft.max_open_waived, draft.max_waived_minor or None)


@dataclass(frozen=True, slots=True)
class PreviewKey:
    """Whom a preview is about, and the scope of the policy that answered: for one of them one answer stands."""

    renter_id: str
    partner_id: str
    asset_kind: str
    asset_class: str
    city: str


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """Which versions of a partner to list: newest first, older than `before`; "" and None for any."""

    partner_id: str
    asset_kind: str
    state: PolicyState | None
    before: str
    size: int


@dataclass(frozen=True, slots=True)
class Redecision:
    """What a decision was before it was made again."""

    remade_at: datetime
    outcome: AdmittanceOutcome
    reason_codes: tuple[str, ...]
    model_version: str
    facts_version: int


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with all that it was made from; `policy` is None for a rental that was cancelled before."""

    deposit: Deposit
    policy: Policy | None
    circumstances: Circumstances
    redecisions: tuple[Redecision, ...]


Rule = Callable[[Policy], Ruling]


class PolicyStore(Protocol):
    """Versions of policies, and the decisions that were made under them."""

    async def set_policy(
        self, request: Request, draft: PolicyDraft, author: str, policy_id: str, now: datetime
    ) -> Policy: ...
    async def rule_policy(
        self, request: Request, partner_id: str, policy_id: str, rule: Rule, now: datetime
    ) -> Policy: ...
    async def read_policy(self, partner_id: str, asset_kind: str, version: int, now: datetime) -> Policy | None: ...
    async def policy_in_force(
        self, partner_id: str, asset_kind: str, asset_class: str, city: str, now: datetime
    ) -> Policy | None: ...
    async def list_policies(self, page: PolicyPage, now: datetime) -> list[Policy]: ...
    async def read_decision(self, deposit_id: str, now: datetime) -> Decided | None: ...
