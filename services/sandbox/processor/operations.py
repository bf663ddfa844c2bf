"""What the processor does: each thing once per idempotency key, each answer only when it is durable."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

from services.sandbox.clock import ClockMs, written
from services.sandbox.hosting import ApiError
from services.sandbox.processor import payments
from services.sandbox.processor.cards import BY_FIXED_TOKEN, BY_NAME, BY_NUMBER, Delivery, TestCard
from services.sandbox.processor.commands import (
    AddPaymentMethod,
    Capture,
    Command,
    Increment,
    Kind,
    Pay,
    Refund,
    Void,
)
from services.sandbox.processor.journal import Journal
from services.sandbox.processor.payments import Payment
from services.sandbox.processor.store import Operation, Refunded, Store
from services.sandbox.processor.views import Json, card_view, payment_view, refund_view
from services.sandbox.requests import key_reused
from services.values.ids import new_id

_ID_PREFIX = {Kind.AUTHORIZATION: "auth", Kind.CHARGE: "chg"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer as JSON text (None: nothing happened) and how it travels."""

    answer: str | None
    delivery: Delivery


class Operations:
    """The use cases over one journal. `lifetime_ms`: how long an authorization holds."""

    def __init__(self, journal: Journal, clock: ClockMs, lifetime_ms: int) -> None:
        self._journal, self._clock, self._lifetime_ms = journal, clock, lifetime_ms
        self._store = Store(journal.connection)
        self._stumbled: set[str] = set()

    async def perform(self, key: str | None, command: Command) -> Outcome:
        """Do what was not done under this key, or give its first answer again. Error: 409 idempotency_key_reused."""
        return await self._journal.run(lambda: self._once(key, command))

    async def add_token(self, number: str) -> Json:
        """A new token for a test card's number. Error: 400 card_not_accepted."""
        card = BY_NUMBER.get(number)
        if card is None:
            raise ApiError(400, "card_not_accepted", "card_number: only the documented test cards")
        token = new_id("tok")
        await self._journal.run(lambda: self._store.add_token(token, card.name))
        return card_view(card, token=token)

    async def authorization(self, authorization: str) -> Json:
        """An authorization as it stands now. Error: 404 authorization_not_found."""
        return await self._journal.run(lambda: self._view(self._authorization(authorization)))

    async def operation(self, key: str) -> Json:
        """What was done under a key. Error: 404 operation_not_found: nothing so far."""
        done = await self._journal.run(lambda: self._store.operation(key))
        if done is None:
            raise ApiError(404, "operation_not_found", "nothing was done under this key so far")
        return {
            "idempotency_key": done.idempotency_key,
            "operation": done.operation,
            "created_at": written(done.created_ms),
            "answer": json.loads(done.answer),
        }

    async def report(self, after: int, limit: int) -> Json:
        """A page of all authorizations and charges, in the order in which they came."""
        rows = await self._journal.run(lambda: self._store.payments_after(after, limit))
        more = len(rows) == limit
        return {"payments": [self._reported(row) for _, row in rows], "next_after": rows[-1][0] if more else None}

    def _reported(self, payment: Payment) -> Json:
        refunds = self._store.refunds(payment.id)
        back = replace(payment, refunded_minor=sum(refund.amount_minor for refund in refunds))
        return self._view(back) | {
            "idempotency_key": self._store.key_of(payment.id),
            "refunds": [refund_view(refund) for refund in refunds],
        }

    async def pending(self) -> list[str]:
        """Authorizations that wait for the renter."""
        return await self._journal.run(self._store.pending)

    async def confirm(self, authorization: str) -> str:
        """The renter confirms; the idempotency key under which the authorization was asked for."""
        await self._journal.run(lambda: self._change(payments.confirm(self._authorization(authorization))))
        return await self._journal.run(lambda: self._store.key_of(authorization))

    def _once(self, key: str | None, command: Command) -> Outcome:
        fingerprint = sha256(repr(command).encode()).digest()
        done = self._store.operation(key) if key else None
        if done is not None:
            if done.fingerprint != fingerprint:
                raise key_reused()
            return Outcome(done.answer, Delivery.PROMPT)
        delivery, effect = self._plan(command)
        if delivery == Delivery.UNHEARD:
            return Outcome(None, delivery)
        if delivery == Delivery.STUMBLING and key is not None:
            self._stumble(key)
        text = json.dumps(effect())
        if key:
            self._store.add_operation(Operation(key, command.operation, fingerprint, text, self._clock()))
        return Outcome(text, delivery)

    def _plan(self, command: Command) -> tuple[Delivery, Callable[[], Json]]:
        match command:
            case AddPaymentMethod():
                card = self._card_of_token(command.token)
                return Delivery.PROMPT, lambda: self._add_payment_method(card)
            case Pay():
                card = self._card_of_method(command.payment_method)
                return card.delivery, lambda: self._pay(command, card)
            case Capture():
                held = self._authorization(command.authorization)
                return BY_NAME[held.card].delivery, lambda: self._change(
                    payments.capture(held, command.amount_minor, command.final, self._clock())
                )
            case Increment():
                held = self._authorization(command.authorization)
                return BY_NAME[held.card].delivery, lambda: self._change(
                    payments.increment(held, command.amount_minor, self._clock())
                )
            case Refund():
                paid = self._payment(command.payment)
                return BY_NAME[paid.card].delivery, lambda: self._refund(paid, command.amount_minor)
            case Void():
                held = self._authorization(command.authorization)
                return BY_NAME[held.card].delivery, lambda: self._change(payments.void(held, self._clock()))

    def _stumble(self, key: str) -> None:
        if key in self._stumbled:
            self._stumbled.discard(key)
            return
        self._stumbled.add(key)
        raise ApiError(500, "processor_error", "nothing happened; repeat with the same Idempotency-Key")

    def _add_payment_method(self, card: TestCard) -> Json:
        method = new_id("pm")
        self._store.add_payment_method(method, card.name)
        return card_view(card, id=method)

    def _pay(self, command: Pay, card: TestCard) -> Json:
        payment = payments.begin(new_id(_ID_PREFIX[command.kind]), command, card, self._clock(), self._lifetime_ms)
        self._store.add_payment(payment)
        return self._view(payment)

    def _refund(self, payment: Payment, amount_minor: int) -> Json:
        payments.refund(payment, amount_minor)
        refund = Refunded(new_id("ref"), payment.id, amount_minor, self._clock())
        self._store.add_refund(refund)
        return refund_view(refund)

    def _payment(self, payment_id: str) -> Payment:
        payment = self._store.payment(payment_id)
        if payment is None:
            raise ApiError(404, "payment_not_found", "there is no payment with this id")
        return payment

    def _change(self, payment: Payment) -> Json:
        self._store.change_payment(payment)
        return self._view(payment)

    def _view(self, payment: Payment) -> Json:
        return payment_view(payments.as_of(payment, self._clock()))

    def _authorization(self, authorization: str) -> Payment:
        payment = self._store.payment(authorization)
        if payment is None or payment.kind != Kind.AUTHORIZATION:
            raise ApiError(404, "authorization_not_found", "there is no authorization with this id")
        return payment

    def _card_of_method(self, method: str) -> TestCard:
        name = self._store.card_of_payment_method(method)
        if name is None:
            raise ApiError(404, "payment_method_not_found", "there is no payment method with this id")
        return BY_NAME[name]

    def _card_of_token(self, token: str) -> TestCard:
        fixed = BY_FIXED_TOKEN.get(token)
        if fixed is not None:
            return fixed
        name = self._store.card_of_token(token)
        if name is None:
            raise ApiError(404, "token_not_found", "there is no such token")
        return BY_NAME[name]
