"""What leaves for scoring: without consent nothing does, and consent is read afresh for every delivery."""

from __future__ import annotations

from collections.abc import Sequence

from services.rental.domain import PartnerId, RenterId, Standing
from services.rental.domain.refusals import ends_the_rental
from services.rental.operations.ports import CheckItem, Identity, Origin, Outgoing, Scoring
from services.values.errors import Refusal

_Person = tuple[RenterId, PartnerId]


class Telling:
    """Tells scoring how rentals went."""

    def __init__(self, identity: Identity, scoring: Scoring) -> None:
        self._identity = identity
        self._scoring = scoring

    async def deliver(self, outgoing: Sequence[Outgoing]) -> list[bool]:
        """For each fact whether it is done with: taken, or forgotten because its person does not consent.

        False where identity or scoring did not answer: the fact stays.
        """
        standings = await self._standings(outgoing)
        may = [item for item in outgoing if _consents(standings[_person(item)])]
        answers = await self._scoring.record(may) if may else []
        stays = {item.event_id for item, answer in zip(may, answers, strict=True) if answer is not None}
        stays |= {item.event_id for item in outgoing if _unknown(standings[_person(item)])}
        return [item.event_id not in stays for item in outgoing]

    async def _standings(self, outgoing: Sequence[Outgoing]) -> dict[_Person, Standing | Refusal]:
        people = list(dict.fromkeys(_person(item) for item in outgoing))
        items = [CheckItem(renter_id, partner_id, None, Origin()) for renter_id, partner_id in people]
        return dict(zip(people, await self._identity.check(items), strict=True))


def _person(item: Outgoing) -> _Person:
    return item.fact.renter_id, item.fact.partner_id


def _consents(standing: Standing | Refusal) -> bool:
    return isinstance(standing, Standing) and standing.scoring_consent


def _unknown(standing: Standing | Refusal) -> bool:
    return isinstance(standing, Refusal) and not ends_the_rental(standing)
