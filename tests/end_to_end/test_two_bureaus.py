"""Two bureaus through real services: linked by people, one of them down, and rides go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import pytest_asyncio
from town import Town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.scoring.v1 import bureau_service_pb2 as bureaus
from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.cli.seeding import Renter

FRESH, OUTAGE = bureaus.BUREAU_STATE_FRESH, bureaus.BUREAU_STATE_OUTAGE
SetDown = Callable[[str, bool], Awaitable[None]]


@pytest_asyncio.fixture
async def down(town: Town) -> AsyncIterator[SetDown]:
    """Puts a bureau out of work; all work again afterwards."""
    secret = town.ready.home.sandbox_secret.read_text().strip()
    headers = {"Authorization": f"Bearer {secret}"}
    async with aiohttp.ClientSession(town.ready.sandbox["bureau"], headers=headers) as session:

        async def put(bureau: str, is_down: bool) -> None:
            async with session.post(f"/v1/bureaus/{bureau}/outage", json={"down": is_down}) as response:
                assert response.status == 200

        yield put
        for bureau in ("north", "south"):
            await put(bureau, False)


async def link(town: Town, renter: Renter, bureau: str, case: str, request_id: str = "") -> bureaus.LinkedBureau:
    """The person links a bureau that says `case` of them."""
    code = f"code_{case}.{new_id()}" if not case.startswith("code_") else case
    request = bureaus.LinkBureauRequest(request_id=request_id or new_id(), bureau=bureau, authorization_code=code)
    linked: bureaus.LinkedBureau = (await town.api.call(town.api.bureaus.LinkBureau, request, renter.token)).link
    return linked


async def mine(town: Town, renter: Renter) -> scoring.GetMyScoreResponse:
    """A person's own score."""
    answer: scoring.GetMyScoreResponse = await town.api.call(
        town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), renter.token
    )
    return answer


async def listed(town: Town, renter: Renter) -> bureaus.ListMyBureausResponse:
    """A person's bureaus."""
    answer: bureaus.ListMyBureausResponse = await town.api.call(
        town.api.bureaus.ListMyBureaus, bureaus.ListMyBureausRequest(), renter.token
    )
    return answer


async def test_two_bureaus_are_two_lines_of_one_sum_and_can_be_taken_out_again(town: Town) -> None:
    renter = await town.new_person(score=640)
    assert list((await listed(town, renter)).available) == ["north", "south"]
    north, south = await link(town, renter, "north", "780"), await link(town, renter, "south", "900")
    assert (north.state, north.weight, south.state, south.weight) == (FRESH, 20, FRESH, 20)
    score = await mine(town, renter)
    lines = {line.characteristic: line for line in score.points}
    assert score.score == score.base_points + sum(line.points for line in score.points)
    assert score.score == 640 + lines["bureau_north"].points + lines["bureau_south"].points > 660
    assert lines["bureau_north"].bin.startswith("780 is 750 here (north-1), told 20")
    facts = (
        await town.api.call(town.api.scoring.ListMyFacts, scoring.ListMyFactsRequest(page_size=200), renter.token)
    ).facts
    said = {k.fact.subject: k for k in facts if k.fact.kind == fact_pb2.FACT_KIND_OUTSIDE_SCORE}
    assert (said["north"].fact.outside_score, list(said["north"].characteristics)) == (780, ["bureau_north"])
    ride = await town.start(renter.renter_id, await town.new_bike())
    decided = await town.deposit(ride.deposit_id)
    assert decided.state == deposits.DEPOSIT_STATE_WAIVED, "650 is passed by what the bureaus say"
    await town.end(ride.rental_id)
    for bureau in ("north", "south"):
        unlink = bureaus.UnlinkBureauRequest(request_id=new_id(), bureau=bureau)
        await town.api.call(town.api.bureaus.UnlinkBureau, unlink, renter.token)
    after = await mine(town, renter)
    assert not [line for line in after.points if line.characteristic.startswith("bureau")]
    assert not (await listed(town, renter)).links


async def test_one_bureau_is_down_and_rides_and_scores_go_on(town: Town, down: SetDown) -> None:
    renter = await town.new_person(score=640)
    await link(town, renter, "north", "780")
    before = (await mine(town, renter)).score
    assert before > 650
    await down("north", True)
    refusal = await refused(link(town, await town.new_person(score=640), "north", "780"))
    assert refusal.reason == "BUREAU_UNAVAILABLE"
    assert (await link(town, renter, "south", "0")).state == FRESH
    after = await mine(town, renter)
    assert after.score >= before - 60
    ride = await town.start(renter.renter_id, await town.new_bike())
    await town.end(ride.rental_id)
    (north, _) = (await listed(town, renter)).links
    assert (north.state, north.weight) == (FRESH, 20)


async def test_a_link_whose_first_report_does_not_come_stands_and_is_asked_again(town: Town) -> None:
    renter = await town.new_person(score=640)
    linked = await link(town, renter, "north", "flaky")
    assert (linked.state, linked.weight, linked.HasField("reported_at")) == (OUTAGE, 0, False)
    assert (await mine(town, renter)).score == 640


async def test_a_code_is_redeemed_once_and_an_account_speaks_for_one(town: Town) -> None:
    renter, other = await town.new_person(score=640), await town.new_person(score=640)
    account, again = f"code_780.{new_id()}", new_id()
    first = await link(town, renter, "north", account, again)
    assert await link(town, renter, "north", account, again) == first
    assert (await refused(link(town, other, "north", account))).reason == "BUREAU_CODE_INVALID"
    assert (await refused(link(town, other, "north", f"{account}--2"))).reason == "BUREAU_ACCOUNT_TAKEN"
    assert (await refused(link(town, renter, "north", "781"))).reason == "BUREAU_ALREADY_LINKED"
    assert (await refused(link(town, renter, "east", "780"))).reason == "BUREAU_NOT_FOUND"
    unlink = bureaus.UnlinkBureauRequest(request_id=new_id(), bureau="north")
    assert (
        await refused(town.api.call(town.api.bureaus.UnlinkBureau, unlink, other.token))
    ).reason == "BUREAU_NOT_LINKED"


async def test_without_consent_no_bureau_is_asked(town: Town) -> None:
    renter = await town.new_person(consents=False)
    assert (await refused(link(town, renter, "north", "780"))).reason == "CONSENT_REQUIRED"


@pytest.mark.parametrize("code", ["", "with space", "x" * 201])
async def test_a_code_in_wrong_form_is_refused_without_repeating_it(town: Town, code: str) -> None:
    refusal = await refused(link(town, town.renter("above"), "north", f"code_{code}" if code else "code_%"))
    assert refusal.reason == "INVALID_FIELD"
    assert "code_" not in str(refusal).replace("authorization_code", "")
