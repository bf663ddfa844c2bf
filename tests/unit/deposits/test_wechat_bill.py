"""WeChat's bill of a day, read as it is published: a sample written by hand, and what is not to be believed."""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, date, datetime

import pytest

from services.deposits.processors.days import days_of
from services.deposits.processors.wechat.bill import Trade, read_bill

TITLES = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,"
    "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
PAID = (
    "`2026-11-24 00:30:05,`wx1,`1900000109,`0,`,`4200001,`pap1,`o_1,`PAP,`SUCCESS,`OTHERS,`CNY,`30.10,`0.00,"
    "`0,`0,`0.00,`0.00,`,`,`免押租赁,`opn_1.dep_1,`0.18000,`0.60%,`30.10,`0.00,`"
)
BACK = (
    "`2026-11-24 09:00:00,`wx1,`1900000109,`0,`,`4200001,`pap1,`o_1,`PAP,`REFUND,`OTHERS,`CNY,`0.00,`0.00,"
    "`5030001,`opn_2,`0.29,`0.00,`ORIGINAL,`SUCCESS,`免押租赁,`opn_1.dep_1,`0.00000,`0.60%,`0.00,`0.29,`"
)
SUMMARY = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"
    "`2,`30.10,`0.29,`0.00,`0.18,`30.10,`0.29"
)


def packed(*lines: str) -> tuple[bytes, str]:
    content = "\r\n".join(lines).encode("utf-8-sig")
    return gzip.compress(content), hashlib.sha1(content).hexdigest().upper()  # noqa: S324


def test_a_payment_and_a_refund_are_read() -> None:
    trades = read_bill(*packed(TITLES, PAID, BACK, SUMMARY, ""))
    paid_at, back_at = datetime(2026, 11, 23, 16, 30, 5, tzinfo=UTC), datetime(2026, 11, 24, 1, tzinfo=UTC)
    assert trades == [
        Trade("4200001", "opn_1.dep_1", "CNY", 3010, "", "", 0, paid_at),
        Trade("4200001", "opn_1.dep_1", "CNY", 0, "5030001", "opn_2", 29, back_at),
    ]


@pytest.mark.parametrize(
    ("content", "sha1", "said"),
    [
        (b"no gzip", "00", "gzip"),
        (packed(TITLES, PAID, SUMMARY)[0], packed(TITLES, SUMMARY)[1], "hash"),
        (*packed(TITLES, PAID), "cut off"),
        (*packed(TITLES, PAID + ",`more", SUMMARY), "longer"),
        (*packed(TITLES.replace("订单金额", "金额"), PAID, SUMMARY), "columns"),
        (*packed(TITLES, PAID.replace("30.10", "much"), SUMMARY), "columns"),
        (*packed(), "cut off"),
    ],
)
def test_a_bill_that_is_not_whole_is_refused(content: bytes, sha1: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_bill(content, sha1)


def test_days_are_those_of_beijing() -> None:
    def at(day: int, hour: int) -> datetime:
        return datetime(2026, 11, day, hour, tzinfo=UTC)

    assert list(days_of(at(23, 16), at(24, 16))) == [date(2026, 11, 24)]
    assert list(days_of(at(23, 15), at(24, 17))) == [date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)]
