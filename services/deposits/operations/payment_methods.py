"""Payment methods: a processor's token, never a card number. A new one is also asked for what is owed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.deposits.domain import Moment, retry_bill
from services.deposits.operations.changing import Changing
from services.deposits.operations.ports import Identity, PaymentMethod, Processor, Transition
from services.deposits.operations.securing import not_linked
from services.values import pages
from services.values.callers import Caller, Role
from services.values.errors import Category, Refusal
from services.values.ids import bucket_of, new_id_of
from services.values.requests import Request, fingerprint

DEFAULT_PROCESSOR = "sandbox"
"""Which processor a token belongs to when none is named."""


class PaymentMethods:
    """Adds and lists payment methods of a renter."""

    def __init__(self, changing: Changing, processors: Mapping[str, Processor], identity: Identity) -> None:
        self._changing = changing
        self._store = changing.store
        self._processors = processors
        self._identity = identity

    async def add(
        self, caller: Caller, request_id: str, renter_id: str, token: str, processor: str = DEFAULT_PROCESSOR
    ) -> PaymentMethod:
        """Keeps a token of a processor; the renter's first one becomes the default.

        Raises:
            Refusal: RENTER_NOT_FOUND, RENTER_NOT_LINKED, CALLER_NOT_ALLOWED, PROCESSOR_NOT_FOUND,
                PAYMENT_METHOD_REJECTED, PROCESSOR_UNAVAILABLE, REQUEST_ID_REUSED.
        """
        await self._allow(caller, renter_id)
        if processor not in self._processors:
            raise processor_not_found()
        content = fingerprint(renter_id, token, processor)
        request = Request(bucket_of(renter_id), caller.id, "AddPaymentMethod", request_id, content)
        known = await self._store.find_payment_method(request)
        if known is not None:
            return known
        payment_method_id = new_id_of("pmt", renter_id)
        attached = await self._processors[processor].attach(token, payment_method_id)
        means = (processor, attached.processor_ref, attached.brand, attached.last4)
        method = PaymentMethod(payment_method_id, renter_id, *means, True, self._changing.clock.now())
        added = await self._store.add_payment_method(request, method)
        await self._collect_debts(added)
        return added

    async def _collect_debts(self, method: PaymentMethod) -> None:
        moment = self._changing.moment()
        unpaid = await self._store.unpaid_deposits(method.renter_id)
        await self._changing.change([(deposit_id, _retrying(method, moment)) for deposit_id in unpaid], moment)

    async def order(self, author: str, request_id: str, partner_id: str, processors: Sequence[str]) -> tuple[str, ...]:
        """Sets in which order processors are asked when one does not answer. Raises PROCESSOR_NOT_FOUND."""
        if any(name not in self._processors for name in processors):
            raise processor_not_found()
        request = Request(0, author, "SetProcessorOrder", request_id, fingerprint(*processors))
        await self._store.save_processor_order(request, partner_id, processors, author, self._changing.clock.now())
        return await self._store.read_processor_order(partner_id)

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


def processor_not_found() -> Refusal:
    """The refusal of a processor that is not set up here."""
    return Refusal(Category.NOT_FOUND, "PROCESSOR_NOT_FOUND", "no such payment processor is set up")


def _retrying(method: PaymentMethod, moment: Moment) -> Transition:
    means = (method.processor, method.processor_ref)
    return lambda deposit, operations: retry_bill(deposit, operations, *means, moment)
