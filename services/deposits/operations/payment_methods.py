"""Payment methods: a processor's token, never a card number. A new one is also asked for what is owed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from services.deposits.domain import Change, Operation, retry_bill
from services.deposits.operations.ports import Identity, PaymentMethod, Processor, Store, Transition
from services.deposits.operations.securing import LEASE, not_linked
from services.values import pages
from services.values.callers import Caller, Role
from services.values.clock import Clock
from services.values.errors import Category, Refusal
from services.values.ids import bucket_of, new_id_of
from services.values.requests import Request, fingerprint


class PaymentMethods:
    """Adds and lists payment methods of a renter."""

    def __init__(
        self,
        store: Store,
        processor: Processor,
        identity: Identity,
        launch: Callable[[Sequence[Operation]], None],
        clock: Clock,
        real: Clock,
    ) -> None:
        self._store = store
        self._processor = processor
        self._identity = identity
        self._launch = launch
        self._clock = clock
        self._real = real

    async def add(self, caller: Caller, request_id: str, renter_id: str, token: str) -> PaymentMethod:
        """Keeps a token of the processor; the renter's first one becomes the default.

        Raises:
            Refusal: RENTER_NOT_FOUND, RENTER_NOT_LINKED, CALLER_NOT_ALLOWED, PAYMENT_METHOD_REJECTED,
                PROCESSOR_UNAVAILABLE, REQUEST_ID_REUSED.
        """
        await self._allow(caller, renter_id)
        content = fingerprint(renter_id, token)
        request = Request(bucket_of(renter_id), caller.id, "AddPaymentMethod", request_id, content)
        known = await self._store.find_payment_method(request)
        if known is not None:
            return known
        payment_method_id = new_id_of("pmt", renter_id)
        attached = await self._processor.attach(token, payment_method_id)
        now = self._clock.now()
        method = PaymentMethod(
            payment_method_id, renter_id, attached.processor_ref, attached.brand, attached.last4, True, now
        )
        added = await self._store.add_payment_method(request, method)
        await self._collect_debts(renter_id, added.processor_ref, now)
        return added

    async def _collect_debts(self, renter_id: str, payment_ref: str, now: datetime) -> None:
        unpaid = await self._store.unpaid_deposits(renter_id)
        if unpaid:
            transitions = [(deposit_id, _retrying(payment_ref, now)) for deposit_id in unpaid]
            changes = await self._store.change(transitions, now, self._real.now() + LEASE)
            self._launch([o for change in changes if isinstance(change, Change) for o in change.wanted])

    async def list(
        self, caller: Caller, renter_id: str, page_size: int, page_token: str
    ) -> tuple[list[PaymentMethod], str]:
        """A page, newest first, and the next page's token. Raises as `add`, and PAGE_TOKEN_INVALID."""
        await self._allow(caller, renter_id)
        size = pages.page_size(page_size)
        before = pages.decode(page_token, "payment_methods", renter_id)
        found = await self._store.list_payment_methods(renter_id, before, size + 1)
        more = ""
        if len(found) > size:
            more = pages.encode(found[size - 1].payment_method_id, "payment_methods", renter_id)
        return found[:size], more

    async def _allow(self, caller: Caller, renter_id: str) -> None:
        if caller.role is Role.RENTER:
            if caller.id != renter_id:
                raise Refusal(Category.PERMISSION_DENIED, "CALLER_NOT_ALLOWED", "this is not you")
            await self._identity.check(renter_id, "")  # a token outlives an erased person by up to an hour
            return
        person = await self._identity.check(renter_id, caller.partner_id or "")
        if not person.linked:
            raise not_linked()


def _retrying(payment_ref: str, now: datetime) -> Transition:
    return lambda deposit, operations: retry_bill(deposit, operations, payment_ref, now, new_id_of)
