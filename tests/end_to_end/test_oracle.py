"""An attacker with a partner's key wants to know a person's score: what all that the doors allow tells, in bits.

The attacker changes policies as often as it may, previews after each change again and again, for each kind of asset,
with several keys, and starts rentals. What it may conclude is an interval of scores. Every answer is read, also its
texts and its numbers. What remains possible is exactly what the decisions alone leave possible.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

from town import Town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.money.v1 import money_pb2
from freehold.rental.v1 import rental_service_pb2 as rental
from services.cli.seeding import Renter
from services.cli.seeding.business import create_bike
from services.deposits.domain.policies import MOST_CHANGES
from services.values.errors import Refusal

SCORE = 637
KINDS = ("ASSET_KIND_BIKE", "ASSET_KIND_E_BIKE")
PREVIEWS_AFTER_A_CHANGE = 8
LOWEST, HIGHEST = 350, 950


@dataclass
class Knowledge:
    """The scores that are still possible, and everything that was read on the way."""

    lowest: int = LOWEST
    highest: int = HIGHEST
    read: list[str] = field(default_factory=list)

    def learn(self, threshold: int, outcome: int) -> None:
        """One answer about one threshold."""
        if outcome == deposits.ADMITTANCE_OUTCOME_ADMITTED:
            self.lowest = max(self.lowest, threshold + 1)
        elif outcome == deposits.ADMITTANCE_OUTCOME_NOT_ADMITTED:
            self.highest = min(self.highest, threshold)

    @property
    def middle(self) -> int:
        """Where a bit is worth most."""
        return (self.lowest + self.highest) // 2


class Attacker:
    """A partner with two keys and one wish."""

    def __init__(self, town: Town, keys: list[str], partner_id: str) -> None:
        self.town, self.keys, self.partner_id = town, keys, partner_id
        self.thresholds: dict[str, int] = {}

    @classmethod
    async def enter(cls, town: Town, victim: Renter) -> Attacker:
        """Registers, and the person links and consents, as anybody does who wants to rent there."""
        call, ids = town.api.call, town.api.identity
        register = identity.RegisterPartnerRequest(request_id=new_id(), display_name="Curious Bikes")
        partner_id = (await call(ids.RegisterPartner, register, town.operator)).partner.partner_id
        keys = []
        for name in ("one", "two"):
            create = identity.CreateApiKeyRequest(request_id=new_id(), partner_id=partner_id, display_name=name)
            keys.append((await call(ids.CreateApiKey, create, town.operator)).secret)
        link = identity.LinkPartnerRequest(request_id=new_id(), partner_id=partner_id)
        await call(ids.LinkPartner, link, victim.token)
        consent = identity.GrantConsentRequest(
            request_id=new_id(),
            partner_id=partner_id,
            purpose=identity.CONSENT_PURPOSE_DEPOSIT_SCORING,
            text_version="2026-11",
        )
        await call(ids.GrantConsent, consent, victim.token)
        return cls(town, keys, partner_id)

    async def draw_the_line(self, kind: str, threshold: int, city: str = "") -> bool:
        """Sets a policy; says whether that was allowed."""
        request = deposits.SetPolicyRequest(
            request_id=new_id(),
            asset_kind=kind,
            threshold=threshold,
            deposit=money_pb2.Money(currency_code="CNY", amount_minor=1000),
            reason="curious",
            city=city,
        )
        rpc = self.town.api.deposits.SetPolicy
        if sum(1 for other in self.thresholds if other.startswith(kind)) < MOST_CHANGES:
            policy = (await self.town.api.call(rpc, request, self.keys[0])).policy
            self.thresholds[f"{kind} {policy.policy_id}"] = threshold
            return True
        assert (await refused(self.town.api.call(rpc, request, self.keys[0]))).reason == "POLICY_CHANGED_TOO_OFTEN"
        return False

    def line_of(self, policy_id: str) -> int:
        """The threshold that an answer was about."""
        return next(line for name, line in self.thresholds.items() if name.endswith(policy_id))

    async def preview(self, kind: str, victim: Renter, key: str, city: str = "") -> deposits.PreviewDepositResponse:
        """Asks what would be decided."""
        request = deposits.PreviewDepositRequest(renter_id=victim.renter_id, asset_kind=kind, city=city)
        while True:
            try:
                answer: deposits.PreviewDepositResponse = await self.town.api.call(
                    self.town.api.deposits.PreviewDeposit, request, key
                )
            except Refusal as refusal:
                if refusal.reason != "RATE_LIMITED":
                    raise
                await asyncio.sleep(0.2)
            else:
                return answer

    async def rent(self, victim: Renter, bike: str) -> tuple[rental.Rental, deposits.Deposit]:
        """Starts a rental, looks at the decision, and cancels within the minute of grace."""
        start = rental.StartRentalRequest(request_id=new_id(), renter_id=victim.renter_id, asset_code=bike)
        started = (await self.town.api.call(self.town.api.rental.StartRental, start, self.keys[0])).rental
        look = deposits.GetDepositRequest(deposit_id=started.deposit_id)
        deposit = (await self.town.api.call(self.town.api.deposits.GetDeposit, look, self.keys[0])).deposit
        cancel = rental.CancelRentalRequest(request_id=new_id(), rental_id=started.rental_id)
        await self.town.api.call(self.town.api.rental.CancelRental, cancel, self.keys[0])
        return started, deposit


async def plan_and_bike(town: Town, key: str) -> str:
    """A bike of the attacker's own."""
    plan = rental.CreatePricePlanRequest(request_id=new_id(), currency_code="CNY", base_minor=1, cap_per_day_minor=100)
    plan_id = (await town.api.call(town.api.rental.CreatePricePlan, plan, key)).price_plan.price_plan_id
    code = f"C-{new_id()[:8]}"
    await create_bike(town.api, key, code, plan_id)
    return code


async def test_previews_and_policies_tell_no_more_than_the_decisions(town: Town) -> None:
    victim = await town.new_person(score=SCORE)
    attacker = await Attacker.enter(town, victim)
    everything, first_answers = Knowledge(), Knowledge()

    for kind in KINDS:
        first: Any = None
        while await attacker.draw_the_line(kind, everything.middle):
            for key in itertools.islice(itertools.cycle(attacker.keys), PREVIEWS_AFTER_A_CHANGE):
                answer = await attacker.preview(kind, victim, key)
                first = first or answer
                everything.read.append(str(answer))
                everything.learn(attacker.line_of(answer.policy_id), answer.outcome)
                assert answer == first, "the first answer stands"
        first_answers.learn(attacker.line_of(first.policy_id), first.outcome)

    assert (everything.lowest, everything.highest) == (first_answers.lowest, first_answers.highest)
    assert everything.highest - everything.lowest > 100, "some two bits of about nine"

    bike = await plan_and_bike(town, attacker.keys[0])
    decisions = Knowledge(first_answers.lowest, first_answers.highest)
    for _ in range(3):
        started, deposit = await attacker.rent(victim, bike)
        everything.read += [str(started), str(deposit)]
        for known in (everything, decisions):
            known.learn(attacker.line_of(deposit.policy_id), deposit.outcome)
    assert (everything.lowest, everything.highest) == (decisions.lowest, decisions.highest)
    assert decisions.lowest <= SCORE <= decisions.highest, "and what was concluded is right"
    assert not [text for text in everything.read if str(SCORE) in text], "no answer shows the number itself"


async def test_scopes_are_no_ladder(town: Town) -> None:
    """A line of its own for each of many cities would be a ladder to read the score from: three rungs answer."""
    victim = await town.new_person(score=SCORE)
    attacker = await Attacker.enter(town, victim)
    ladder = {f"rung-{line}": line for line in (500, 560, 620, 640, 700, 760)}
    for city, line in ladder.items():
        assert await attacker.draw_the_line(KINDS[1], line, city)
    assert not await attacker.draw_the_line(KINDS[1], 650, "one-more")
    known, fallen = Knowledge(), []
    for city, key in itertools.product(ladder, attacker.keys):
        try:
            answer = await attacker.preview(KINDS[1], victim, key, city)
        except Refusal as refusal:
            fallen.append(refusal.reason)
        else:
            known.learn(attacker.line_of(answer.policy_id), answer.outcome)
            known.read.append(str(answer))
    assert fallen == ["PREVIEWED_TOO_OFTEN"] * 6
    assert (known.lowest, known.highest) == (621, HIGHEST), "what three answers tell, and no more"
    assert not [text for text in known.read if str(SCORE) in text]


async def test_what_refuses_an_attacker_tells_nothing_either(town: Town) -> None:
    victim, stranger = await town.new_person(score=SCORE), await town.new_person(score=700)
    attacker = await Attacker.enter(town, victim)
    no_policy = await refused(attacker.preview(KINDS[0], victim, attacker.keys[0]))
    await attacker.draw_the_line(KINDS[0], 600)
    not_linked = await refused(attacker.preview(KINDS[0], stranger, attacker.keys[0]))
    assert (no_policy.reason, not_linked.reason) == ("POLICY_NOT_FOUND", "RENTER_NOT_LINKED")
    for refusal in (no_policy, not_linked):
        shown = f"{refusal} {dict(refusal.metadata)}"
        assert str(SCORE) not in shown
        assert "700" not in shown
