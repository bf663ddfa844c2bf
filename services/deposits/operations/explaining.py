"""Explaining a decision years later: everything that it was made from is on record."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.deposits.domain import Policy
from services.deposits.domain.policies import DecidedBy, Tier, decided_by, deposit_not_found, reduced_minor
from services.deposits.operations.ports.policies import Decided, PolicyStore
from services.deposits.operations.reading import may_see
from services.values.callers import Caller, Role
from services.values.clock import Clock

_FACTS_ARE_NOT_TOLD = (Role.PARTNER, Role.STAFF)
"""How often something new becomes known of a person is theirs, not their partners'."""
_WORDS_ARE_NOT_TOLD = (Role.RENTER,)
"""The rule that decided is the renter's to read; who in the partner's house made it, and what they said, is not."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, the rule that made it, and what it came to. `taken_minor` is nothing when it was waived."""

    decided: Decided
    by: DecidedBy
    tier: Tier | None
    taken_minor: int


class Explaining:
    """Says why, without a score: nobody is told one here."""

    def __init__(self, store: PolicyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def explain(self, caller: Caller, deposit_id: str) -> Explanation:
        """For the partner, the renter and operators. Raises DEPOSIT_NOT_FOUND."""
        decided = await self._store.read_decision(deposit_id, self._clock.now())
        if decided is None or not may_see(caller, decided.deposit):
            raise deposit_not_found()
        deposit = decided.deposit
        full_minor = deposit.compensation_limit_minor
        by = decided_by(deposit.outcome, deposit.reason_codes, deposit.amount_minor, full_minor)
        tier = _tier(decided.policy, deposit.amount_minor, full_minor) if by is DecidedBy.TIER else None
        waived = by in (DecidedBy.THRESHOLD, DecidedBy.CANCELLATION)
        shown = _without_facts(decided) if caller.role in _FACTS_ARE_NOT_TOLD else decided
        shown = _without_words(shown) if caller.role in _WORDS_ARE_NOT_TOLD else shown
        return Explanation(shown, by, tier, 0 if waived else deposit.amount_minor)


def _tier(policy: Policy | None, amount_minor: int, full_minor: int) -> Tier | None:
    """The tier that makes this amount of the full one: each takes less than the one before."""
    tiers = policy.draft.tiers if policy is not None else ()
    return next((tier for tier in tiers if reduced_minor(tier, full_minor) == amount_minor), None)


def _without_facts(decided: Decided) -> Decided:
    earlier = tuple(replace(one, facts_version=0) for one in decided.redecisions)
    return replace(decided, deposit=decided.deposit.but(facts_version=0), redecisions=earlier)


def _without_words(decided: Decided) -> Decided:
    policy = decided.policy
    if policy is None:
        return decided
    silent = replace(policy, author="", ruled_by="", ruling_reason="", draft=replace(policy.draft, reason=""))
    return replace(decided, policy=silent)
