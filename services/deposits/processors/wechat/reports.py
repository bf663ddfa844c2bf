"""What WeChat collected and paid back, by its bills, as lines for reconciliation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from services.deposits.domain import LineKind, ReportLine
from services.deposits.processors.answers import unavailable
from services.deposits.processors.days import days_of
from services.deposits.processors.wechat import orders
from services.deposits.processors.wechat.bill import Trade, read_bill
from services.deposits.processors.wechat.service import Service

_AT_ONCE = 8


async def report(service: Service, since: datetime, until: datetime) -> Sequence[ReportLine]:
    """A line per trade from `since` to before `until`; raises PROCESSOR_UNAVAILABLE.

    A bill names what moved. What was held besides is asked of the order, so that the line has all its parts.
    """
    trades = [trade for day in days_of(since, until) for trade in await _bill(service, day.isoformat())]
    places = asyncio.Semaphore(_AT_ONCE)

    async def line(trade: Trade) -> ReportLine:
        async with places:
            return await _line(service, trade)

    return await asyncio.gather(*(line(trade) for trade in trades if since <= trade.at < until))


async def _bill(service: Service, day: str) -> list[Trade]:
    asked = await service.bill(day)
    if asked is not None and asked.code == "NO_STATEMENT_EXIST":
        return []
    if asked is None or asked.code:
        raise unavailable(f"there is no bill of {day} (yet): it is made after 10:00 of the next day, Beijing time")
    content = await service.download(asked.body["download_url"])
    try:
        return read_bill(content or b"", asked.body["hash_value"])
    except ValueError:
        raise unavailable(f"the bill of {day} did not come whole; retry") from None


async def _line(service: Service, trade: Trade) -> ReportLine:
    """A payment of an order of ours under the order's number, as it stands now; another's under WeChat's number."""
    order_no, _, deposit_id = trade.attach.partition(".")
    if trade.refund_id:
        refund = (trade.refund_id, LineKind.REFUND, trade.out_refund_no, deposit_id, trade.currency)
        return ReportLine(*refund, trade.refunded_minor, trade.refunded_minor, 0, 0, 0, trade.at)
    if not deposit_id:
        foreign = (trade.transaction_id, LineKind.CHARGE, "", "", trade.currency)
        return ReportLine(*foreign, trade.paid_minor, trade.paid_minor, 0, 0, 0, trade.at)
    found = await service.order(order_no)
    if found is None or found.code:
        raise unavailable("the processor does not tell how an order stands; retry")
    stands = orders.seen(found.body)
    parts = (trade.paid_minor, stands.released_minor, stands.expired_minor, stands.open_minor)
    ours = (order_no, LineKind.AUTHORIZATION, order_no, deposit_id, trade.currency)
    return ReportLine(*ours, stands.authorized_minor, *parts, trade.at)
