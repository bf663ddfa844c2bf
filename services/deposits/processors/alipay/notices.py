"""Alipay's notices: a form, signed over its decoded parameters. Alipay repeats one until the answer is `success`."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from services.deposits.domain import Notice, NoticeRejected
from services.deposits.processors.alipay.signatures import Keys, signed_content
from services.values.ids import is_id

REPLY = b"success"
_MOST_FIELDS = 200
_NUMBERS = ("out_request_no", "out_biz_no", "out_trade_no", "out_order_no")
"""Where a number of ours may stand: of a freeze or unfreeze, of a refund, of a payment, of the whole order."""


def read_notice(body: bytes, app_id: str, keys: Keys) -> Notice:
    """Which operation has news, and which authorization or payment; raises NoticeRejected.

    A number that is not one of our operation ids (another system's order under the same app) is left out.
    """
    said = _form(body)
    signed = keys.verifies(signed_content(said, ("sign", "sign_type")), said.get("sign", ""))
    ours = hmac.compare_digest(said.get("app_id", "").encode(), app_id.encode())
    if not signed or not ours or said.get("sign_type") != "RSA2":
        raise NoticeRejected
    numbers = [said.get(name, "") for name in _NUMBERS]
    operation_id = next((number for number in numbers if is_id(number, "opn", routed=True)), "")
    reference = said.get("auth_no") or said.get("trade_no") or ""
    return Notice(said.get("notify_id", ""), operation_id, reference, REPLY)


def _form(body: bytes) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise NoticeRejected from None
    said = dict(pairs)
    if len(said) != len(pairs):
        raise NoticeRejected
    return said
