"""Alipay writes yuan with up to two decimals; we count fen. The way between is exact and never a float."""

from __future__ import annotations

import re

CURRENCY = "CNY"
_YUAN = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,2}))?")


def yuan(amount_minor: int) -> str:
    """An amount in fen, zero or more, as Alipay writes it: 9900 is "99.00"."""
    if amount_minor < 0:
        raise ValueError("an amount is not negative")
    return f"{amount_minor // 100}.{amount_minor % 100:02d}"


def fen(text: str) -> int:
    """What Alipay wrote, in fen: "99.00", "99" and "99.0" are 9900; bills write refunds with a minus sign.

    Raises:
        ValueError: it is no amount, or has fractions of a fen.
    """
    written = _YUAN.fullmatch(text)
    if written is None:
        raise ValueError("not an amount in yuan")
    sign, whole, parts = written.groups(default="")
    amount = int(whole) * 100 + int(parts.ljust(2, "0"))
    return -amount if sign else amount
