"""Alipay's daily bills: a zip of CSV files in GBK, one line per payment and per refund, ready the morning after."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import structlog

from services.deposits.domain import LineKind, ReportLine
from services.deposits.processors.alipay import requests
from services.deposits.processors.alipay.amounts import CURRENCY, fen
from services.deposits.processors.alipay.client import Client, time_of
from services.deposits.processors.alipay.results import Asking
from services.deposits.processors.answers import unavailable
from services.deposits.processors.days import CHINA, days_of
from services.values.clock import Clock
from services.values.ids import is_id

log = structlog.get_logger(__name__)
_READY = time(10)
_NOT_YET = "Alipay has no bill for this window yet; retry later"
"""When the bill of a day is there, on the next one."""
_NO_BILL = frozenset({"BILL_NOT_EXIST", "NO_BILL_DATA", "isp.bill_not_exist"})
_TITLE = "#支付宝业务明细查询"
_TRADE, _ORDER, _TYPE, _FINISHED, _AMOUNT = "支付宝交易号", "商户订单号", "业务类型", "完成时间", "订单金额（元）"
_REQUEST, _REMARK = "退款批次号/请求号", "备注"
_COLUMNS = {_TRADE, _ORDER, _TYPE, _FINISHED, _AMOUNT, _REQUEST, _REMARK}
_IS_REFUND = {"交易": False, "退款": True}
_LARGEST_FILE = 2 * 2**30


class Bills:
    """Downloads and reads bills. `clock` is the time by which Alipay makes them."""

    def __init__(self, asking: Asking, client: Client, clock: Clock, valid: timedelta) -> None:
        self._asking, self._client, self._clock, self._valid = asking, client, clock, valid

    async def read(self, since: datetime, until: datetime) -> list[ReportLine]:
        """The lines of what moved in a window; raises PROCESSOR_UNAVAILABLE when a day has no bill yet.

        A bill names payments; what is compared is the authorization that they were taken from, as it stands now.
        """
        rows = [row for day in days_of(since, until) for row in await self._day(day) if since <= row.at < until]
        taken: dict[str, list[Row]] = {}
        for row in rows:
            hold_id, _, _ = requests.paid_from(row.body)
            if hold_id and not row.is_refund:
                taken.setdefault(hold_id, []).append(row)
        holds = [await self._hold(hold_id, payments) for hold_id, payments in taken.items()]
        return [*holds, *(_alone(row) for row in rows if row.is_refund or not requests.paid_from(row.body)[0])]

    async def _hold(self, hold_id: str, payments: Sequence[Row]) -> ReportLine:
        """An authorization. Its rest went back by the last payment, or before its time; else it has lapsed."""
        order = await self._asking.call(requests.DETAIL, requests.frozen(hold_id))
        frozen_at = order.time("gmt_trans") if order is not None and order.done else None
        if order is None or frozen_at is None or not order.text("rest_amount"):
            raise unavailable(_NOT_YET)
        authorized, captured = order.fen("total_freeze_amount"), order.fen("total_pay_amount")
        still_open = order.fen("rest_amount")
        gone = authorized - captured - still_open
        last = any(requests.paid_from(row.body)[2] for row in payments)
        released = gone if last or self._clock.now() < frozen_at + self._valid else 0
        named = (order.text("auth_no"), LineKind.AUTHORIZATION, hold_id, requests.paid_from(payments[0].body)[1])
        parts = (captured, released, gone - released, still_open)
        return ReportLine(*named, CURRENCY, authorized, *parts, payments[0].at)

    async def _day(self, day: date) -> Sequence[Row]:
        ready = datetime.combine(day + timedelta(days=1), _READY, CHINA)
        if self._clock.now() < ready:
            raise unavailable(_NOT_YET)
        answer = await self._asking.call(requests.BILL, {"bill_type": "trade", "bill_date": day.isoformat()})
        if answer is not None and answer.sub_code in _NO_BILL:
            return []
        content = await self._client.download(answer.text("bill_download_url")) if answer and answer.done else None
        if content is None:
            raise unavailable(_NOT_YET)
        try:
            return list(read_bill(content))
        except (ValueError, KeyError, csv.Error, zipfile.BadZipFile, NotImplementedError) as error:
            log.error("bill_unreadable", peer="alipay", error_type=type(error).__name__)
            raise unavailable(_NOT_YET) from None


@dataclass(frozen=True, slots=True)
class Row:
    """One payment or refund of a bill. `number` is ours, `body` what we gave with the payment."""

    is_refund: bool
    trade_no: str
    number: str
    body: str
    amount_minor: int
    at: datetime


def read_bill(content: bytes) -> Iterator[Row]:
    """The rows of one bill; raises ValueError or KeyError when it is not as documented."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for file in archive.infolist():
            if file.file_size > _LARGEST_FILE:
                raise ValueError("a bill is never that large")
            with archive.open(file) as raw, io.TextIOWrapper(raw, "gbk", newline="") as text:
                if text.readline().strip() == _TITLE:
                    yield from _rows(text)
                    return
    raise ValueError("the archive has no detailed bill")


def _rows(text: io.TextIOWrapper) -> Iterator[Row]:
    """Between the comments: a header, then one row per payment or refund, whose cells end in tabs."""
    rows = csv.reader(line for line in text if not line.startswith("#"))
    header = [name.strip().replace("(", "（").replace(")", "）") for name in next(rows, [])]
    if not set(header) >= _COLUMNS:
        raise ValueError("a column is missing")
    for row in rows:
        cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
        back = _IS_REFUND[cells[_TYPE]]
        number = cells[_REQUEST if back else _ORDER]
        amount, at = abs(fen(cells[_AMOUNT])), time_of(cells[_FINISHED])
        yield Row(back, cells[_TRADE], number, cells[_REMARK], amount, at)


def _alone(row: Row) -> ReportLine:
    """A refund, or a payment that somebody made by hand, from an authorization that is not ours."""
    if not row.is_refund:
        charge = (row.trade_no, LineKind.CHARGE, "", "", CURRENCY)
        return ReportLine(*charge, row.amount_minor, row.amount_minor, 0, 0, 0, row.at)
    operation_id = row.number if is_id(row.number, "opn", routed=True) else ""
    refund = (row.number, LineKind.REFUND, operation_id, requests.paid_from(row.body)[1], CURRENCY)
    return ReportLine(*refund, row.amount_minor, row.amount_minor, 0, 0, 0, row.at)
