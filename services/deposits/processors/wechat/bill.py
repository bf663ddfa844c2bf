"""WeChat's daily bill of trades: CSV whose fields begin with a backtick, amounts in yuan, days of Beijing.

It lists what was collected and what was paid back, not orders that are open or were cancelled: of those nothing moved.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import hmac
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from services.deposits.processors.days import CHINA

_SUMMARY = "总交易单数"


@dataclass(frozen=True, slots=True)
class Trade:
    """One line: a payment, or with `refund_id` a refund. `attach` is what we gave with the order."""

    transaction_id: str
    attach: str
    currency: str
    paid_minor: int
    refund_id: str
    out_refund_no: str
    refunded_minor: int
    at: datetime


def read_bill(zipped: bytes, sha1: str) -> list[Trade]:
    """The trades of one bill; raises ValueError when it is not the one that was signed for, or not readable."""
    try:
        content = gzip.decompress(zipped)
    except (OSError, EOFError):
        raise ValueError("not a gzip file") from None
    if not hmac.compare_digest(hashlib.sha1(content, usedforsecurity=False).hexdigest(), sha1.lower()):
        raise ValueError("its hash is another")
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    titles = next(rows, [])
    trades: list[Trade] = []
    for row in rows:
        if row[:1] == [_SUMMARY]:
            return trades
        try:
            trades.append(_trade({title: text.removeprefix("`") for title, text in zip(titles, row, strict=True)}))
        except (KeyError, ArithmeticError):
            raise ValueError("its columns are others") from None
    raise ValueError("it has no summary: it was cut off")


def _trade(fields: dict[str, str]) -> Trade:
    at = datetime.strptime(fields["交易时间"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    refund = fields["交易状态"] == "REFUND"
    return Trade(
        fields["微信订单号"],
        fields["商户数据包"],
        fields["货币种类"],
        0 if refund else _fen(fields["订单金额"]),
        fields["微信退款单号"] if refund else "",
        fields["商户退款单号"] if refund else "",
        _fen(fields["申请退款金额"]) if refund else 0,
        at.astimezone(UTC),
    )


def _fen(yuan: str) -> int:
    return int(Decimal(yuan) * 100)
