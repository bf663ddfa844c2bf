"""What a person can do about their score, through the public doors: read, comment, dispute, be vouched for."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from town import Town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.scoring.v1 import dispute_service_pb2 as disputes
from freehold.scoring.v1 import endorsement_service_pb2 as endorsements
from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.cli.seeding import Renter
from services.sandbox.people import person

CASE, WORDS = "(2025)沪0115执4321号", "我从未收到过传票"


async def mine(town: Town, renter: Renter) -> scoring.GetMyScoreResponse:
    """A person's own score."""
    answer: scoring.GetMyScoreResponse = await town.api.call(
        town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), renter.token
    )
    return answer


async def facts_of(town: Town, renter: Renter) -> dict[str, scoring.KnownFact]:
    """A person's facts, by their ids."""
    ask = scoring.ListMyFactsRequest(page_size=200)
    found = (await town.api.call(town.api.scoring.ListMyFacts, ask, renter.token)).facts
    return {known.fact.fact_id: known for known in found}


async def tell(town: Town, renter: Renter, kind: str, fact_id: str, **more: Any) -> None:
    """An operator records a fact of today."""
    fact = fact_pb2.Fact(fact_id=fact_id, renter_id=renter.renter_id, kind=f"FACT_KIND_{kind}", **more)
    fact.occurred_at.FromDatetime(town.ready.clock.now() - timedelta(hours=1))
    request = scoring.RecordFactsRequest(request_id=new_id(), facts=[fact])
    answer = await town.api.call(town.api.scoring.RecordFacts, request, town.operator)
    assert [status.reason for status in answer.statuses] == [""]


async def dispute(town: Town, renter: Renter, fact_id: str) -> disputes.Dispute:
    """The person disputes a fact."""
    request = disputes.OpenDisputeRequest(request_id=new_id(), fact_id=fact_id, statement=WORDS)
    opened: disputes.Dispute = (await town.api.call(town.api.disputes.OpenDispute, request, renter.token)).dispute
    return opened


async def texted(town: Town, renter: Renter, words: str) -> None:
    """The person is told by a text, once, that says nothing of what there is to read."""
    phone = person(int(renter.case.removeprefix("newcomer-"))).phone
    ends = time.monotonic() + 20
    while True:
        found = [text for text in await town.inbox.texts(phone) if words in text]
        if found or time.monotonic() > ends:
            break
        await asyncio.sleep(0.2)
    (text,) = found
    assert "court" not in text
    assert renter.renter_id not in text


async def test_every_point_is_traced_to_facts_and_every_fact_says_what_it_counts_for(town: Town) -> None:
    renter = await town.new_person(score=640)
    score, facts = await mine(town, renter), await facts_of(town, renter)
    assert score.score == score.base_points + sum(line.points for line in score.points) == 640
    counted_for = {name for known in facts.values() for name in known.characteristics}
    earned = {line.characteristic for line in score.points if line.bin not in ("none", "no", "under 30 days")}
    assert earned <= counted_for
    assert all(known.state == scoring.FACT_STATE_COUNTED for known in facts.values())


async def test_a_record_is_disputed_upheld_and_as_if_it_had_never_been(town: Town) -> None:
    renter = await town.new_person(score=640)
    record = fact_pb2.NegativeRecord(source="court-list", case_number=CASE)
    await tell(town, renter, "NEGATIVE_RECORD", "court-1", negative_record=record)
    below = (await mine(town, renter)).score
    assert 640 - 60 <= below < 640, "one record never costs everything"
    said = scoring.SetStatementRequest(request_id=new_id(), fact_id="court-1", statement=WORDS)
    known = (await town.api.call(town.api.scoring.SetStatement, said, renter.token)).fact
    assert (known.statement, known.fact.negative_record.case_number) == (WORDS, CASE)
    assert known.expires_at.seconds > known.fact.occurred_at.seconds
    opened = await dispute(town, renter, "court-1")
    assert (await mine(town, renter)).score == 640
    assert (opened.state, opened.score_before) == (disputes.DISPUTE_STATE_OPEN, below)
    assert (opened.due_at.ToDatetime() - opened.opened_at.ToDatetime()) == timedelta(days=15)
    due = await town.api.call(
        town.api.disputes.ListOpenDisputes, disputes.ListOpenDisputesRequest(page_size=200), town.operator
    )
    (shown,) = [one for one in due.disputes if one.dispute_id == opened.dispute_id]
    assert (shown.statement, shown.fact.statement) == (WORDS, WORDS)
    decide = disputes.DecideDisputeRequest(
        request_id=new_id(), dispute_id=opened.dispute_id, decision="DISPUTE_STATE_UPHELD", reason="another person"
    )
    done = (await town.api.call(town.api.disputes.DecideDispute, decide, town.operator)).dispute
    assert (done.reason, done.score_after) == ("another person", 640)
    again = (await town.api.call(town.api.disputes.DecideDispute, decide, town.operator)).dispute
    assert again == done
    assert (await facts_of(town, renter))["court-1"].state == scoring.FACT_STATE_RETRACTED
    await texted(town, renter, "a record about you was taken in")
    await texted(town, renter, "your dispute has been decided")


async def test_an_operator_puts_a_fact_right_and_its_person_reads_why(town: Town) -> None:
    renter = await town.new_person(score=640)
    await tell(town, renter, "RENTAL_LOST", "lost-1")
    assert (await mine(town, renter)).score < 640
    request = scoring.RetractFactRequest(
        request_id=new_id(), renter_id=renter.renter_id, fact_id="lost-1", reason="it stood behind the station"
    )
    await town.api.call(town.api.scoring.RetractFact, request, town.operator)
    assert (await mine(town, renter)).score == 640
    known = (await facts_of(town, renter))["lost-1"]
    assert (known.state, known.revision) == (scoring.FACT_STATE_RETRACTED, 1)
    assert known.change_reason == "it stood behind the station"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "FACT_KIND_ENDORSED", "subject": "end_1"}, "kind"),
        ({"kind": "FACT_KIND_NEGATIVE_RECORD"}, "negative_record"),
        ({"kind": "FACT_KIND_PAYMENT_FAILED"}, "subject"),
        ({"kind": "FACT_KIND_PROFILE_FIELD_COMPLETED", "subject": "shoe_size"}, "subject"),
    ],
)
async def test_a_fact_that_cannot_be_is_refused_by_its_field_and_the_others_are_kept(
    town: Town, change: dict[str, str], field: str
) -> None:
    renter = town.renter("above").renter_id
    facts = [
        fact_pb2.Fact(**{"fact_id": new_id(), "renter_id": renter, "kind": "FACT_KIND_RENTAL_STARTED", **more})
        for more in (change, {})
    ]
    for fact in facts:
        fact.occurred_at.FromDatetime(town.ready.clock.now())
    request = scoring.RecordFactsRequest(request_id=new_id(), facts=facts)
    bad, good = (await town.api.call(town.api.scoring.RecordFacts, request, town.operator)).statuses
    assert (bad.reason, good.reason) == ("INVALID_FIELD", "")
    assert field in bad.message


async def test_a_friend_s_word_counts_a_little_and_their_names_stay_theirs(town: Town) -> None:
    renter, friend = await town.new_person(score=560), await town.old_friend()
    ask = endorsements.AskEndorsementRequest(request_id=new_id())
    asked = await town.api.call(town.api.endorsements.AskEndorsement, ask, renter.token)
    refusal = await refused(town.api.call(town.api.endorsements.AskEndorsement, ask, renter.token))
    assert refusal.reason == "SECRET_ALREADY_SHOWN"
    give = endorsements.EndorseRequest(request_id=new_id(), code=asked.code)
    given = await town.api.call(town.api.endorsements.Endorse, give, friend.token)
    assert given.endorsement.given
    assert renter.renter_id not in str(given)
    assert (await mine(town, renter)).score == 568
    listed = await town.api.call(
        town.api.endorsements.ListMyEndorsements, endorsements.ListMyEndorsementsRequest(), renter.token
    )
    assert friend.renter_id not in str(listed)
    await tell(town, friend, "RENTAL_LOST", "lost-1")
    await tell(town, friend, "RENTAL_LOST", "lost-2")
    ends = time.monotonic() + 30
    while (await mine(town, renter)).score == 568 and time.monotonic() < ends:
        await asyncio.sleep(0.5)
    assert (await mine(town, renter)).score == 560, "their word counts no more"


async def test_a_deposit_decided_on_a_wrong_fact_is_given_back_and_every_use_is_told(town: Town) -> None:
    renter = await town.new_person(score=640)
    for number in (1, 2):
        await tell(town, renter, "RENTAL_LOST", f"lost-{number}")
    started = await town.start(renter.renter_id, await town.new_bike())
    assert started.deposit_state == deposits.DEPOSIT_STATE_HELD
    score = await mine(town, renter)
    gap = await _gap(town, renter)
    assert (gap.partner_id, gap.threshold) == (town.city.partner_id, 600)
    assert score.score + gap.points_short == 601, "strictly above"
    for number in (1, 2):
        opened = await dispute(town, renter, f"lost-{number}")
        decide = disputes.DecideDisputeRequest(
            request_id=new_id(), dispute_id=opened.dispute_id, decision="DISPUTE_STATE_UPHELD", reason="found"
        )
        await town.api.call(town.api.disputes.DecideDispute, decide, town.operator)
    ends = time.monotonic() + 30
    while (found := await town.deposit(started.deposit_id)).state != deposits.DEPOSIT_STATE_WAIVED:
        assert time.monotonic() < ends, "it should have been given back"
        await asyncio.sleep(0.2)
    assert found.outcome == deposits.ADMITTANCE_OUTCOME_ADMITTED
    while (await town.deposit(started.deposit_id)).open_minor and time.monotonic() < ends:
        await asyncio.sleep(0.2)
    assert (await town.deposit(started.deposit_id)).released_minor == 9900
    ended = await town.end(started.rental_id)
    assert ended.charge.amount_minor > 0
    first, *_, last = uses = await _uses(town, renter, 3)
    assert (first.kind, first.outcome, first.use_id) == ("DECISION", "NOT_ADMITTED", started.deposit_id)
    assert (last.kind, last.outcome) == ("DECISION_REMADE", "ADMITTED")
    assert {use.partner_id for use in uses} == {town.city.partner_id}
    assert (await town.ledger()).balanced


async def _gap(town: Town, renter: Renter) -> scoring.ThresholdGap:
    """The threshold that was missed, once deposits has told of it."""
    ends = time.monotonic() + 20
    while not (gaps := (await mine(town, renter)).thresholds_missed) and time.monotonic() < ends:
        await asyncio.sleep(0.1)
    return gaps[0]


async def _uses(town: Town, renter: Renter, count: int) -> list[scoring.ScoreUse]:
    """Uses of a person's score, the oldest first, once there are so many."""
    ends, ask = time.monotonic() + 20, scoring.ListMyScoreUsesRequest(page_size=200)
    while True:
        found = (await town.api.call(town.api.scoring.ListMyScoreUses, ask, renter.token)).uses
        if len(found) >= count or time.monotonic() > ends:
            return list(reversed(found))
        await asyncio.sleep(0.1)
