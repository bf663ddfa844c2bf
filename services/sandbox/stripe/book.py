"""What the stand-in does: each request once per idempotency key, each change together with the events that tell it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.sandbox.clock import ClockMs
from services.sandbox.stripe import objects, payments
from services.sandbox.stripe.cards import BY_METHOD, CARDS, TestCard
from services.sandbox.stripe.errors import (
    StripeError,
    card_error,
    impossible,
    invalid,
    key_reused,
    missing,
    unexpected_state,
)
from services.sandbox.stripe.forms import Params
from services.sandbox.stripe.payments import Changed
from services.sandbox.stripe.store import Answered, Store

Json = dict[str, Any]
_BY_LAST4 = {card.last4: card for card in CARDS}
_RETRY_MS = 500


class Book:
    """Stripe's objects and what may be done with them; whoever calls has a transaction open.

    Args:
        hold_seconds: how long a card is held.
        late_seconds: how long a refund is pending, or looks as if it had succeeded.
        tells: whether events go anywhere.
    """

    def __init__(self, store: Store, clock: ClockMs, hold_seconds: int, late_seconds: float, tells: bool) -> None:
        self._store, self._clock = store, clock
        self._hold_seconds, self._late_ms, self._tells = hold_seconds, round(late_seconds * 1000), tells
        self._key: str | None = None

    def once(self, key: str | None, fingerprint: bytes, work: Callable[[], Json]) -> tuple[Answered, bool]:
        """Does what was not done under this key, or gives its first answer again; says whether it is a repeat."""
        known = self._store.answered(key) if key else None
        if known is not None and known.fingerprint == fingerprint:
            return known, True
        self._key, keep = key, True
        try:
            if known is not None:
                raise key_reused()
            answered = Answered(fingerprint, 200, json.dumps(work()))
        except StripeError as refused:
            keep = refused.remembered
            answered = Answered(fingerprint, refused.status, json.dumps(refused.body))
        if key and keep:
            self._store.remember(key, answered)
        return answered, False

    def create_customer(self, params: Params) -> Json:
        """POST /v1/customers."""
        made = objects.customer(params.metadata(), self._now())
        self._store.put(made)
        return made

    def attach(self, method_id: str, params: Params) -> Json:
        """POST /v1/payment_methods/{id}/attach. Errors: 400 it is a customer's already; 402 it cannot be saved."""
        customer = self._store.get("customer", params.text("customer"), "customer")
        method, card = self._method(method_id)
        if method["customer"]:
            raise impossible("The payment method you provided has already been attached to a customer.")
        if not card.attaches:
            raise card_error(card.failure() or {})
        method = method | {"customer": customer["id"]}
        self._store.put(method)
        return method

    def create_intent(self, params: Params) -> Json:
        """POST /v1/payment_intents with confirm=true. Errors: 402 with the PaymentIntent."""
        method, card = self._method(params.text("payment_method"), "payment_method")
        customer = self._store.get("customer", params.text("customer"), "customer")["id"]
        if method["customer"] not in (None, customer):
            raise invalid("The customer does not have this payment method.", param="payment_method")
        if not params.flag("confirm", False) or not params.flag("off_session", False):
            raise invalid("This stand-in knows confirm=true and off_session=true only.", param="confirm")
        amount = params.whole("amount")
        if not 0 < amount <= 99_999_999:
            raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
        asked = {
            "amount": amount,
            "currency": params.text("currency").lower(),
            "customer": customer,
            "payment_method": method["id"],
            "payment_method_types": params.items("payment_method_types") or ["card"],
            "payment_method_options": {"card": params.group("payment_method_options").get("card", {})},
            "capture_method": params.text("capture_method", "automatic"),
            "metadata": params.metadata(),
        }
        intent = objects.payment_intent(asked, self._now())
        failure = payments.AUTHENTICATION if card.authenticates else card.failure()
        return self._pay(intent, method, card, failure)

    def authenticate(self, intent_id: str, params: Params) -> Json:
        """The renter with the client secret at the issuer's page; a call of the stand-in's own. Error: 402 failed."""
        intent = self.intent(intent_id)
        if params.text("client_secret") != intent["client_secret"]:
            raise missing("payment_intent")
        if intent["status"] != "requires_payment_method":
            raise unexpected_state(intent, "confirmed")
        method = self._store.get("payment_method", intent["last_payment_error"]["payment_method"]["id"])
        failure = None if params.flag("success", True) else payments.NOT_AUTHENTICATED
        intent = intent | {"payment_method": method["id"]}
        return self._pay(intent, method, _BY_LAST4[method["card"]["last4"]], failure)

    def capture(self, intent_id: str, params: Params) -> Json:
        """POST /v1/payment_intents/{id}/capture. Errors: 400 unexpected state, amount_too_large."""
        intent = self.intent(intent_id)
        amount = params.whole("amount_to_capture") if params.maybe("amount_to_capture") else None
        final = params.flag("final_capture", True)
        changed = payments.capture(intent, self._charge_of(intent), amount, final, self._now())
        return self._marked(changed, params)

    def cancel(self, intent_id: str, params: Params) -> Json:
        """POST /v1/payment_intents/{id}/cancel. Error: 400 unexpected state."""
        intent = self.intent(intent_id)
        charge = self._store.find("charge", intent["latest_charge"] or "")
        return self._keep(payments.cancel(intent, charge, params.maybe("cancellation_reason"), self._now()))

    def increment(self, intent_id: str, params: Params) -> Json:
        """POST /v1/payment_intents/{id}/increment_authorization. Errors: 400."""
        intent = self.intent(intent_id)
        changed = payments.increment(intent, self._charge_of(intent), params.whole("amount"))
        return self._marked(changed, params)

    def refund(self, params: Params) -> Json:
        """POST /v1/refunds. Errors: 400 more than was taken."""
        intent = self.intent(params.text("payment_intent"))
        amount = params.whole("amount")
        before, _ = self._store.page("refund", {"payment_intent = ?": intent["id"]}, None, 1000)
        counts = [one for one in before if one["balance_transaction"] and one["status"] != "failed"]
        back = sum(one["amount"] for one in counts)
        if back >= intent["amount_received"]:
            raise impossible("Charge has already been refunded.", code="charge_already_refunded")
        if not 0 < amount <= intent["amount_received"] - back:
            raise impossible("Refund amount is greater than unrefunded amount on charge", param="amount")
        charge = self._charge_of(intent)
        card = _BY_LAST4[charge["payment_method_details"]["card"]["last4"]]
        differing = {"status": "pending"} if card.refund_pending else {}
        made = objects.refund(intent, amount, params.metadata(), self._now(), **differing)
        self._store.put(made, self._clock() + self._late_ms if card.refund_pending or card.refund_fails else None)
        charge = charge | {"amount_refunded": charge["amount_refunded"] + amount}
        self._store.put(charge | {"refunded": charge["amount_refunded"] >= charge["amount"]})
        self._tell("refund.created", made)
        return made

    def intent(self, intent_id: str) -> Json:
        """A PaymentIntent as it stands now: one that nobody captured in time has lapsed. Error: 404."""
        intent = self._store.get("payment_intent", intent_id)
        if self._due_ms(intent) is None or self._clock() < (self._due_ms(intent) or 0):
            return intent
        return self._keep(payments.lapse(intent, self._charge_of(intent), self._now()))

    def expanded(self, intent: Json) -> Json:
        """With its charge in place of the charge's id."""
        charge = intent["latest_charge"]
        return intent | {"latest_charge": self._store.get("charge", charge)} if charge else intent

    def happen(self) -> list[Json]:
        """Does what time brings; the events that are to be told now, again in half a second unless they are taken."""
        self._key = None
        due = self._store.due(self._clock())
        for thing in due:
            if thing["object"] == "payment_intent":
                self.intent(thing["id"])
            elif thing["object"] == "refund":
                self._settle(thing)
            else:
                self._store.put(thing, self._clock() + _RETRY_MS)
        return [thing for thing in due if thing["object"] == "event"]

    def told(self, event: Json) -> None:
        """Whom an event is for has taken it."""
        self._store.put(event)

    def _pay(self, intent: Json, method: Json, card: TestCard, failure: Json | None) -> Json:
        failure = failure and failure | {"payment_method": method}
        kept = self._keep(payments.pay(intent, card, failure, self._now(), self._hold_seconds))
        if failure is not None:
            raise card_error(failure, kept)
        return kept

    def _marked(self, changed: Changed, params: Params) -> Json:
        metadata = changed.intent["metadata"] | params.metadata()
        if len(metadata) > 50:
            raise invalid("Metadata has at most 50 keys.", param="metadata")
        return self._keep(replace(changed, intent=changed.intent | {"metadata": metadata}))

    def _keep(self, changed: Changed) -> Json:
        intent = changed.intent
        self._store.put(intent, self._due_ms(intent, changed.charge))
        for thing in (changed.charge, *changed.made):
            if thing is not None:
                self._store.put(thing)
        for kind in changed.told:
            self._tell(kind, intent if kind.startswith("payment_intent.") else changed.charge or intent)
        return intent

    def _settle(self, refund: Json) -> None:
        """A pending refund has succeeded; one that looked so has failed."""
        failed = {"status": "failed", "failure_reason": "expired_or_canceled_card"}
        pending = refund["status"] == "pending"
        refund = refund | ({"status": "succeeded"} if pending else failed)
        self._store.put(refund)
        self._tell("refund.updated" if pending else "refund.failed", refund)

    def _tell(self, kind: str, about: Json) -> None:
        if self._tells:
            self._store.put(objects.event(kind, about, self._key, self._now()), self._clock())

    def _due_ms(self, intent: Json, charge: Json | None = None) -> int | None:
        if intent["status"] != "requires_capture":
            return None
        charge = charge or self._charge_of(intent)
        return int(charge["payment_method_details"]["card"]["capture_before"]) * 1000

    def _charge_of(self, intent: Json) -> Json:
        charge = self._store.find("charge", intent["latest_charge"] or "")
        if charge is None:
            raise unexpected_state(intent, "changed")
        return charge

    def _method(self, method_id: str, param: str = "id") -> tuple[Json, TestCard]:
        card = BY_METHOD.get(method_id)
        if card is not None:
            made = objects.payment_method(card, objects.new_id("pm"), self._now())
            self._store.put(made)
            return made, card
        method = self._store.get("payment_method", method_id, param)
        return method, _BY_LAST4[method["card"]["last4"]]

    def _now(self) -> int:
        return self._clock() // 1000
