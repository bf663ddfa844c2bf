"""Telling people that there is something to read: once each, as far as the carrier lets itself be reached."""

from __future__ import annotations

from services.identity.domain import Access, RenterState
from services.identity.domain.notices import TEXTS, News
from services.identity.operations.ports import AccessStore, Carrier, NoticeStore, RenterStore, Vault
from services.values.clock import Clock
from services.values.errors import Category, Refusal
from services.values.ids import bucket_of, new_id
from services.values.requests import Request, fingerprint


class Notices:
    """Texts to people, for other services that know them by an id alone."""

    def __init__(
        self,
        renters: RenterStore,
        notices: NoticeStore,
        accesses: AccessStore,
        vault: Vault,
        carrier: Carrier,
        clock: Clock,
    ) -> None:
        self._renters = renters
        self._notices = notices
        self._accesses = accesses
        self._vault = vault
        self._carrier = carrier
        self._clock = clock

    async def tell(self, caller: str, event_id: str, renter_id: str, news: News) -> None:
        """Texts the person, unless they were told before or are no more.

        Raises:
            Refusal: UPSTREAM_UNAVAILABLE when the carrier did not take it; then it is to be told again.
        """
        request = Request(bucket_of(renter_id), caller, "Deliver", event_id, fingerprint(renter_id, news))
        if await self._notices.was_told(request):
            return
        found = await self._renters.find_renter(renter_id, "")
        if found is None or found.account.state is RenterState.ERASED:
            return
        now = self._clock.now()
        await self._accesses.record([Access(new_id("acc"), renter_id, "carrier", ("phone",), "notice", now)])
        if not await self._carrier.send(self._vault.open(renter_id, found.account.sealed).phone, TEXTS[news]):
            raise Refusal(Category.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "the carrier did not take the message")
        await self._notices.remember(request, renter_id, now)
