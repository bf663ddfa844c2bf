"""StartRental: claim the asset, check the person, secure the deposit, activate; each step for n items at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from services.rental.domain import (
    AssetKind,
    DepositState,
    Moment,
    PartnerId,
    Rental,
    RentalId,
    RentalState,
    Security,
    Standing,
    StartRental,
    expired,
    fingerprint,
    refused,
    secured,
    start_answer,
)
from services.rental.domain.refusals import ends_the_rental, for_now, rental_not_found, request_id_reused
from services.rental.operations.arrivals import Arrival, Arrivals
from services.rental.operations.changing import Changing, Decide, leave
from services.rental.operations.ports import CheckItem, Claim, Deposits, Identity, Origin, RentalStore, SecureItem
from services.values.errors import Refusal
from services.values.ids import new_id_of


@dataclass(frozen=True, slots=True)
class StartAsk:
    """A StartRental on its way."""

    command: StartRental
    origin: Origin


@dataclass(frozen=True, slots=True)
class Started:
    """A rental; with an arrival to wait for when it is still REQUESTED because the processor is being asked."""

    rental: Rental
    arrival: Arrival | None = None

    async def outcome(self, seconds: float) -> Rental:
        """The rental, or its refusal; waits at most `seconds` for the processor, then tells REQUESTED."""
        news = None if self.arrival is None else await self.arrival.wait(seconds)
        answer = start_answer(news or self.rental)
        if isinstance(answer, Refusal):
            raise answer
        return answer


Verdict = Security | Refusal
"""How deposits secured a rental, or why not."""


@dataclass(frozen=True, slots=True)
class _Work:
    rental: Rental
    standing: Standing | Refusal
    origin: Origin

    @property
    def objection(self) -> str | None:
        """Why the rental ends here, if it does."""
        if isinstance(self.standing, Refusal):
            return self.standing.reason if ends_the_rental(self.standing) else None
        return self.standing.objection


class Starting:
    """Brings rentals from a scan to ACTIVE or CANCELLED; the same work whether a caller or the sweeper asks for it."""

    def __init__(
        self, store: RentalStore, identity: Identity, deposits: Deposits, changing: Changing, arrivals: Arrivals
    ) -> None:
        self._store = store
        self._identity = identity
        self._deposits = deposits
        self._changing = changing
        self._arrivals = arrivals
        self._last_kind: dict[PartnerId, AssetKind] = {}

    async def start(self, asks: Sequence[StartAsk]) -> list[Started | Refusal]:
        """One rental or refusal per ask. A repeated request_id finds its rental and goes on where that stands."""
        moment = self._changing.moment()
        claims = [_claim(ask.command, moment) for ask in asks]
        guesses = [self._last_kind.get(ask.command.caller, AssetKind.BIKE) for ask in asks]
        claimed, standings = await asyncio.gather(
            self._store.claim(claims),
            self._identity.check([_check(ask, kind) for ask, kind in zip(asks, guesses, strict=True)]),
        )
        answers = [_as_claimed(claim, rental) for claim, rental in zip(claims, claimed, strict=True)]
        work = {
            at: _Work(answer, standings[at], asks[at].origin)
            for at, answer in enumerate(answers)
            if isinstance(answer, Rental) and answer.state is RentalState.REQUESTED
        }
        await self._check_other_kinds(work, guesses)
        advanced = dict(zip(work, await self._advance(list(work.values()), awaited=True), strict=True))
        return [advanced[at] if at in advanced else _started(answer) for at, answer in enumerate(answers)]

    async def resume(self, rentals: Sequence[Rental]) -> None:
        """Takes REQUESTED rentals up where they were left: asks identity and deposits again, by the same ids."""
        items = [CheckItem(rental.renter_id, rental.partner_id, rental.asset_kind, Origin()) for rental in rentals]
        standings = await self._identity.check(items)
        await self._advance([_Work(r, standing, Origin()) for r, standing in zip(rentals, standings, strict=True)])

    async def answered(self, answers: Sequence[tuple[RentalId, Security]]) -> list[Rental | Refusal]:
        """Deposits' second answers, after the processor has decided; given in the order of the answers."""
        rentals = await self._store.read([rental_id for rental_id, _ in answers])
        moment = self._changing.moment()
        known = [
            (rentals[rental_id], partial(secured, security=security, moment=moment))
            for rental_id, security in answers
            if rental_id in rentals
        ]
        moved = {rental.rental_id: rental for rental in await self._changing.apply(known)}
        return [moved.get(rental_id) or rental_not_found() for rental_id, _ in answers]

    async def _check_other_kinds(self, work: dict[int, _Work], guesses: Sequence[AssetKind]) -> None:
        """The check runs beside the claim, so it guesses the kind (age limits differ); a wrong guess is asked again."""
        self._last_kind.update((item.rental.partner_id, item.rental.asset_kind) for item in work.values())
        wrong = [at for at, item in work.items() if item.rental.asset_kind is not guesses[at]]
        if not wrong:
            return
        items = [work[at] for at in wrong]
        checks = [CheckItem(i.rental.renter_id, i.rental.partner_id, i.rental.asset_kind, i.origin) for i in items]
        standings = await self._identity.check(checks)
        work.update({at: replace(work[at], standing=s) for at, s in zip(wrong, standings, strict=True)})

    async def _advance(self, work: Sequence[_Work], awaited: bool = False) -> list[Started | Refusal]:
        verdicts = await self._secure(work)
        moment = self._changing.moment()
        pending = [at for at, verdict in verdicts.items() if awaited and _pending(verdict)]
        arrivals = {at: self._arrivals.expect(work[at].rental.rental_id) for at in pending}
        decisions = [(item.rental, _decision(item, verdicts.get(at), moment)) for at, item in enumerate(work)]
        rentals = await self._changing.apply(decisions)
        return [
            _outcome(rental, item.standing, verdicts.get(at), arrivals.get(at))
            for at, (item, rental) in enumerate(zip(work, rentals, strict=True))
        ]

    async def _secure(self, work: Sequence[_Work]) -> dict[int, Verdict]:
        """Deposits' answer for each that may rent and still can become ACTIVE; nothing is held for the others."""
        wall = self._changing.moment().wall
        items = {
            at: SecureItem(item.rental, item.standing.scoring_consent, item.origin, item.standing.assurance)
            for at, item in enumerate(work)
            if isinstance(item.standing, Standing) and not item.standing.objection and wall < item.rental.activate_by
        }
        if not items:
            return {}
        return dict(zip(items, await self._deposits.secure(list(items.values())), strict=True))


def _claim(command: StartRental, moment: Moment) -> Claim:
    return Claim(
        rental_id=RentalId(new_id_of("rtl", command.renter_id)),
        command=command,
        fingerprint=fingerprint(command),
        requested_at=moment.now,
        activate_by=moment.activate_by,
        follow_up_at=moment.lease_until,
    )


def _check(ask: StartAsk, kind: AssetKind) -> CheckItem:
    return CheckItem(ask.command.renter_id, ask.command.caller, kind, ask.origin)


def _as_claimed(claim: Claim, answer: Rental | Refusal) -> Rental | Refusal:
    if isinstance(answer, Rental) and answer.fingerprint != claim.fingerprint:
        return request_id_reused()
    return answer


def _started(answer: Rental | Refusal) -> Started | Refusal:
    final = answer if isinstance(answer, Refusal) else start_answer(answer)
    return final if isinstance(final, Refusal) else Started(final)


def _pending(verdict: Verdict) -> bool:
    return isinstance(verdict, Security) and verdict.state is DepositState.PENDING


def _decision(work: _Work, verdict: Verdict | None, moment: Moment) -> Decide:
    """What the answers make of the rental; a neighbour that failed leaves it as it is, to be asked again."""
    reason = work.objection
    if reason is None and isinstance(verdict, Refusal) and ends_the_rental(verdict):
        reason = verdict.reason
    if reason is not None:
        return partial(refused, reason=reason, moment=moment)
    if isinstance(work.standing, Refusal) or isinstance(verdict, Refusal):
        return leave
    return partial(secured, security=verdict, moment=moment) if verdict else partial(expired, moment=moment)


def _outcome(
    rental: Rental, standing: Standing | Refusal, verdict: Verdict | None, arrival: Arrival | None
) -> Started | Refusal:
    if rental.state is not RentalState.REQUESTED:
        return _started(rental)
    failure = standing if isinstance(standing, Refusal) else verdict
    return for_now(failure) if isinstance(failure, Refusal) else Started(rental, arrival)
