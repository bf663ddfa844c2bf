"""Freezing and unfreezing. A freeze waits for the renter: in the app by an order string, at a kiosk on the phone.

An order string is given out once per freeze and waited for until it cannot be confirmed any more; Alipay has no trace
of it until the renter's app has handed it over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import parse_qs

from services.deposits.domain import Hold, Operation, OperationState, Result, Seen
from services.deposits.processors.alipay import requests
from services.deposits.processors.alipay.client import Answer, time_of
from services.deposits.processors.alipay.requests import APP, Terms
from services.deposits.processors.alipay.results import UNKNOWN_ORDER, Asking, done, refused, unless_unknown, waiting
from services.deposits.processors.answers import declined, not_done

_LATE = timedelta(minutes=1)
"""So long after the end of its time a freeze that was confirmed at the last moment may still appear."""
_ALREADY = "FREEZE_ALREADY_SUCCESS"
_CREDIT_ONLY = "CREDIT_AUTH"


class Freezes:
    """AUTHORIZE and VOID, and how an authorization stands."""

    def __init__(self, asking: Asking, terms: Terms) -> None:
        self._asking, self._terms = asking, terms
        self._valid = timedelta(days=terms.authorization_days)

    async def freeze(self, operation: Operation) -> Result | None:
        """Asks for a freeze; in the app it is the renter who asks, with the order string."""
        content = requests.freeze(operation, self._terms)
        if operation.reference == APP:
            return waiting(operation, operation.renter_action or self._asking.order_string(content))
        answer = await self._asking.call(requests.FREEZE, content)
        if answer is None:
            return None
        if answer.done or answer.waiting:
            return self._result(operation, answer)
        code = refused(operation, answer)
        return unless_unknown(await self.frozen(operation)) if code == _ALREADY else declined(operation, code)

    async def frozen(self, operation: Operation) -> Result | None:
        """What became of a freeze; one that was given up and still waits is closed."""
        answer = await self._asking.call(requests.DETAIL, requests.frozen(operation.operation_id))
        if answer is None:
            return None
        if answer.done:
            result = self._result(operation, answer)
            closing = operation.given_up and result.state is OperationState.WANTED
            return await self._close(operation) if closing else result
        if answer.sub_code not in UNKNOWN_ORDER:
            return None
        if not operation.renter_action:
            return not_done(operation)
        if self._asking.now() < self._ends(operation.renter_action):
            return waiting(operation, operation.renter_action)
        return declined(operation, "NOT_CONFIRMED_IN_TIME")

    async def unfreeze(self, operation: Operation) -> Result | None:
        """Gives back what is frozen."""
        answer = await self._asking.call(requests.UNFREEZE, requests.unfreeze(operation))
        if answer is None or answer.waiting:
            return None
        if answer.done:
            return _unfrozen(operation, answer)
        return await self._asking.unless_frozen(operation, refused(operation, answer))

    async def unfrozen(self, operation: Operation) -> Result | None:
        """What became of it."""
        answer = await self._asking.call(requests.DETAIL, requests.unfrozen(operation))
        if answer is None or not answer.done:
            return not_done(operation) if answer is not None and answer.sub_code in UNKNOWN_ORDER else None
        return _unfrozen(operation, answer)

    async def inspect(self, hold: Hold) -> Seen | None:
        """An authorization as it stands. Alipay does not say how its rest ended: what we did not give back, lapsed."""
        order = await self._asking.call(requests.DETAIL, requests.frozen(hold.hold_id))
        if order is None or order.text("status") != "SUCCESS" or not order.text("rest_amount"):
            return None
        authorized, captured = order.fen("total_freeze_amount"), order.fen("total_pay_amount")
        still_open = order.fen("rest_amount")
        gone = authorized - captured - still_open
        released = min(gone, hold.released_minor)
        return Seen(authorized, captured, released, gone - released, still_open, self._expires_at(order))

    async def _close(self, operation: Operation) -> Result | None:
        """Before the renter confirms after all what nobody waits for any more."""
        answer = await self._asking.call(requests.CANCEL, requests.undo_freeze(operation))
        closed = answer is not None and answer.done and answer.text("action") == "close"
        return declined(operation, "GIVEN_UP") if closed else None

    def _result(self, operation: Operation, answer: Answer) -> Result:
        status = answer.text("status")
        if answer.waiting or status == "INIT":
            return waiting(operation, operation.renter_action)
        if status != "SUCCESS":
            return declined(operation, "NOT_CONFIRMED")
        reference, expires_at = answer.text("auth_no"), self._expires_at(answer)
        return Result(
            operation.operation_id,
            OperationState.DONE,
            reference,
            expires_at=expires_at,
            credit_minor=_credit(operation, answer),
        )

    def _expires_at(self, freeze: Answer) -> datetime | None:
        at = freeze.time("gmt_trans")
        return at + self._valid if at is not None else None

    def _ends(self, order_string: str) -> datetime:
        given = time_of(parse_qs(order_string)["timestamp"][0])
        return given + timedelta(minutes=self._terms.confirm_minutes) + _LATE


def _credit(operation: Operation, answer: Answer) -> int:
    """What a credit line stands for: nothing of it is the renter's own money, so nothing was frozen."""
    told = answer.text("total_freeze_credit_amount") or answer.text("credit_amount")
    if not told and answer.text("pre_auth_type") == _CREDIT_ONLY:
        return operation.amount.amount_minor
    return answer.fen("total_freeze_credit_amount") or answer.fen("credit_amount")


def _unfrozen(operation: Operation, answer: Answer) -> Result | None:
    return done(operation, answer.text("operation_id")) if answer.text("status") == "SUCCESS" else None
