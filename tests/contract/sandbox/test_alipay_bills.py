"""Alipay's daily bills become lines of a report: what was paid and paid back, once each, and never half a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from alipay_house import House, Now, start_alipay
from stand_ins import StandIn

from services.deposits.domain import LineKind, OperationKind, ReportLine
from services.deposits.processors.days import CHINA
from services.values.errors import Refusal

EVENING = datetime(2026, 11, 23, 23, 0, tzinfo=CHINA)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=CHINA)
MORNING = datetime(2026, 11, 24, 10, 0, tzinfo=CHINA)
DAY = timedelta(days=1)


async def at(moment: datetime, home: Path) -> StandIn:
    """Alipay when it is that time there."""
    epochs = ["--clock-epoch-real", datetime.now(UTC).isoformat(), "--clock-epoch-virtual", moment.isoformat()]
    return await start_alipay(home, *epochs)


async def test_what_was_paid_on_a_day_stands_in_its_bill_the_morning_after(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        evening = House(await at(EVENING, tmp_path / "home"), session)
        authorize, auth_no = await evening.hold()
        capture = evening.asked(OperationKind.CAPTURE, auth_no, 3000, hold_id=authorize.operation_id)
        trade_no = (await evening.settled(capture)).result_ref
        refund = evening.asked(OperationKind.REFUND, trade_no, 1050)
        await evening.settled(refund)
        await evening.alipay.stop()
        house = House(await at(MORNING, tmp_path / "home"), session, clock=Now(MORNING))
        taken, back = await house.processor.report(MIDNIGHT - DAY, MIDNIGHT)
        expected = (LineKind.AUTHORIZATION, auth_no, authorize.operation_id, evening.deposit_id, "CNY", 9900, 3000)
        assert _told(taken) == expected
        assert (taken.released_minor, taken.expired_minor, taken.open_minor) == (6900, 0, 0)
        assert _told(back) == (LineKind.REFUND, refund.operation_id, refund.operation_id, *expected[3:5], 1050, 1050)
        assert timedelta() <= taken.created_at - EVENING < timedelta(minutes=1)
        assert await house.processor.report(MIDNIGHT - 2 * DAY, EVENING) == []
        assert len(await house.processor.report(MIDNIGHT - 3 * DAY, MIDNIGHT)) == 2
        assert await house.processor.report(EVENING + timedelta(minutes=10), MIDNIGHT) == []
        await house.alipay.stop()


def _told(line: ReportLine) -> tuple[object, ...]:
    named = (line.kind, line.reference, line.operation_id, line.deposit_id, line.currency)
    return (*named, line.amount_minor, line.captured_minor)


async def test_a_bill_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with aiohttp.ClientSession() as session:
        evening = House(await at(EVENING, tmp_path / "home"), session)
        authorize, auth_no = await evening.hold()
        await evening.settled(evening.asked(OperationKind.CAPTURE, auth_no, 3000, hold_id=authorize.operation_id))
        await evening.alipay.stop()
        house = House(await at(MORNING, tmp_path / "home"), session, clock=Now(MORNING))
        monkeypatch.setattr("services.deposits.processors.alipay.client._LARGEST_BILL", 100)
        with pytest.raises(Refusal) as refused:
            await house.processor.report(MIDNIGHT - DAY, MIDNIGHT)
        assert refused.value.reason == "PROCESSOR_UNAVAILABLE"
        await house.alipay.stop()


async def test_a_day_without_a_bill_yet_is_not_an_empty_day(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        house = House(await at(EVENING, tmp_path / "home"), session, clock=Now(MORNING - timedelta(seconds=1)))
        for window in ((MIDNIGHT - DAY, MIDNIGHT), (MIDNIGHT - DAY, MIDNIGHT + timedelta(seconds=1))):
            with pytest.raises(Refusal) as refused:
                await house.processor.report(*window)
            assert refused.value.reason == "PROCESSOR_UNAVAILABLE"
        house.clock.fixed = MORNING
        assert await house.processor.report(MIDNIGHT - DAY, MIDNIGHT) == []
        await house.alipay.kill()
        with pytest.raises(Refusal, match="retry"):
            await house.processor.report(MIDNIGHT - DAY, MIDNIGHT)
