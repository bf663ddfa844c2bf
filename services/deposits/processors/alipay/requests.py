"""What is sent for each operation: the gateway's method and its `biz_content`, numbered by our operation ids."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from services.deposits.domain import Operation
from services.deposits.processors.alipay.amounts import yuan
from services.values.ids import is_id

APP_FREEZE = "alipay.fund.auth.order.app.freeze"
FREEZE = "alipay.fund.auth.order.freeze"
UNFREEZE = "alipay.fund.auth.order.unfreeze"
DETAIL = "alipay.fund.auth.operation.detail.query"
CANCEL = "alipay.fund.auth.operation.cancel"
PAY = "alipay.trade.pay"
TRADE = "alipay.trade.query"
REFUND = "alipay.trade.refund"
REFUNDED = "alipay.trade.fastpay.refund.query"
BILL = "alipay.data.dataservice.bill.downloadurl.query"

APP = "app"
"""The payment reference of a renter who confirms each authorization in the app."""
_SCANNED = re.compile(r"scan:([0-9]{16,24})")
_PRODUCT, _LAST = "PREAUTH_PAY", "COMPLETE"
_TITLE, _FARE, _BACK = "租赁押金", "租赁费用", "租赁退款"

Content = dict[str, str]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the contract with Alipay says.

    Attributes:
        authorization_days: how long what is frozen stays frozen.
        confirm_minutes: how long the renter may take to confirm.
        seller_id: the account that is paid, 2088…; empty for the app's own.
        credit_category, credit_service_id: of a Zhima credit service, under which a good credit stands in for money
            (deposit without freezing); empty where there is none.
    """

    authorization_days: int = 30
    confirm_minutes: int = 2
    seller_id: str = ""
    credit_category: str = ""
    credit_service_id: str = ""


def scanned(code: str) -> str:
    """The payment reference of a code that a kiosk scanned: it works once, within a minute or so."""
    return f"scan:{code}"


def scanned_code(reference: str) -> str:
    """The payment code that was scanned from the renter's phone; empty when the reference is not one."""
    found = _SCANNED.fullmatch(reference)
    return found[1] if found else ""


def freeze(operation: Operation, terms: Terms) -> Content:
    """Freezes an amount: by a scanned code when there is one, else for the renter's app to confirm."""
    content = _freeze_of(operation.operation_id) | {
        "order_title": _TITLE,
        "amount": yuan(operation.amount.amount_minor),
        "product_code": _PRODUCT,
        "timeout_express": f"{terms.confirm_minutes}m",
    }
    if terms.seller_id:
        content["payee_user_id"] = terms.seller_id
    if terms.credit_service_id:
        credit = {"category": terms.credit_category, "serviceId": terms.credit_service_id}
        content |= {"deposit_product_mode": "DEPOSIT_ONLY", "extra_param": json.dumps(credit)}
    code = scanned_code(operation.reference)
    if code:
        content |= {"auth_code": code, "auth_code_type": "bar_code"}
    return content


def undo_freeze(operation: Operation) -> Content:
    """Closes a freeze that is not done yet."""
    return _freeze_of(operation.operation_id) | {"remark": operation.deposit_id}


def frozen(hold_id: str) -> Content:
    """Asks for a freeze, and how its order stands."""
    return _freeze_of(hold_id) | {"operation_type": "FREEZE"}


def unfreeze(operation: Operation) -> Content:
    """Gives back an amount of what is frozen."""
    return {
        "auth_no": operation.reference,
        "out_request_no": operation.operation_id,
        "amount": yuan(operation.amount.amount_minor),
        "remark": operation.deposit_id,
    }


def unfrozen(operation: Operation) -> Content:
    """Asks what became of it."""
    asked = {"auth_no": operation.reference, "out_request_no": operation.operation_id}
    return asked | {"operation_type": "UNFREEZE"}


def pay(operation: Operation) -> Content:
    """Takes an amount of what is frozen; a final one has the rest unfrozen."""
    return {
        "out_trade_no": operation.operation_id,
        "total_amount": yuan(operation.amount.amount_minor),
        "subject": _FARE,
        "body": f"{operation.hold_id}.{operation.deposit_id}.{_mode(operation)}",
        "product_code": _PRODUCT,
        "auth_no": operation.reference,
        "auth_confirm_mode": _mode(operation),
    }


def paid_from(body: str) -> tuple[str, str, bool]:
    """Which hold of which deposit a payment was taken from, by its `body`, and whether for the last time.

    All empty for a payment that is not ours.
    """
    hold_id, _, rest = body.partition(".")
    deposit_id, _, mode = rest.partition(".")
    ours = is_id(hold_id, "opn", routed=True) and is_id(deposit_id, "dep", routed=True)
    return (hold_id, deposit_id, mode == _LAST) if ours else ("", "", False)


def _mode(operation: Operation) -> str:
    return _LAST if operation.final else "NOT_COMPLETE"


def paid(operation: Operation) -> Content:
    """Asks what became of it."""
    return {"out_trade_no": operation.operation_id}


def refund(operation: Operation) -> Content:
    """Pays back an amount of what was taken."""
    return refunded(operation) | {
        "refund_amount": yuan(operation.amount.amount_minor),
        "refund_reason": _BACK,
    }


def refunded(operation: Operation) -> Content:
    """Asks what became of it."""
    return {"trade_no": operation.reference, "out_request_no": operation.operation_id}


def _freeze_of(hold_id: str) -> Content:
    return {"out_order_no": hold_id, "out_request_no": hold_id}
