"""The daily trade bill as Alipay makes it: a zip with a detailed and a summed-up CSV in GBK, cells padded with tabs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from services.sandbox.alipay.books import Books
from services.sandbox.alipay.orders import Refund, Trade
from services.sandbox.alipay.protocol import SHANGHAI, written, yuan

_HEADER = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_ACCOUNT = "20880000000000010156"
_NOTHING = "0.00"


def window(day: date) -> tuple[int, int]:
    """A day in Shanghai, as milliseconds: from, and to before."""
    since = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    until = since + timedelta(days=1)
    return round(since.timestamp() * 1000), round(until.timestamp() * 1000)


def bill(books: Books, day: date) -> bytes | None:
    """The zip of a day; None when nothing was paid on it."""
    since_ms, until_ms = window(day)
    trades, refunds = books.trades_of(since_ms, until_ms), books.refunds_of(since_ms, until_ms)
    if not trades and not refunds:
        return None
    rows = [_trade(trade) for trade in trades]
    for refund in refunds:
        trade = books.trade("trade_no", refund.trade_no)
        rows += [_refund(trade, refund)] if trade is not None else []
    name = f"{_ACCOUNT}_{day:%Y%m%d}"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}_业务明细(汇总).csv", _summed_up(day, trades, refunds))
        archive.writestr(f"{name}_业务明细.csv", _detailed(day, rows))
    return packed.getvalue()


def _detailed(day: date, rows: Sequence[str]) -> bytes:
    line = "-----------------------------------------"
    lines = [
        "#支付宝业务明细查询",
        *_head(day),
        f"#{line}业务明细列表{line}",
        _HEADER,
        *rows,
        f"#{line}业务明细列表结束{line}",
    ]
    lines.append(f"#导出时间：[{day + timedelta(days=1):%Y年%m月%d日} 09:00:00]")
    return _packed(lines)


def _summed_up(day: date, trades: Sequence[Trade], refunds: Sequence[Refund]) -> bytes:
    paid = sum(trade.amount_minor for trade in trades)
    back = sum(refund.amount_minor for refund in refunds)
    lines = ["#支付宝业务汇总查询", *_head(day), "交易订单总笔数,退款订单总笔数,订单金额（元）,退款金额（元）"]
    return _packed([*lines, f"{len(trades)},{len(refunds)},{yuan(paid)},{yuan(back)}"])


def _head(day: date) -> list[str]:
    until = day + timedelta(days=1)
    window = f"#起始日期：[{day:%Y年%m月%d日} 00:00:00]   终止日期：[{until:%Y年%m月%d日} 00:00:00]"
    return [f"#账号：[{_ACCOUNT}]", window]


def _trade(trade: Trade) -> str:
    at = written(trade.paid_ms or trade.created_ms)
    return _row(trade, "交易", written(trade.created_ms), at, yuan(trade.amount_minor), "")


def _refund(trade: Trade, refund: Refund) -> str:
    at = written(refund.created_ms)
    return _row(trade, "退款", at, at, f"-{yuan(refund.amount_minor)}", refund.out_request_no)


def _row(trade: Trade, kind: str, created: str, finished: str, amount: str, request: str) -> str:
    numbers = [f"{trade.trade_no}\t", f"{trade.out_trade_no}\t", f"{kind}\t", trade.subject, created, finished]
    nobody = ["\t"] * 4
    discounts = [_NOTHING] * 5
    rest = ["", f"{_NOTHING}\t", _NOTHING, f"{request}\t", _NOTHING, _NOTHING, trade.body]
    return ",".join([*numbers, *nobody, "*三(158****7723)\t", amount, amount, *discounts, *rest])


def _packed(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("gbk")
