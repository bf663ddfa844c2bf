"""Changes of an account after registration, each with who did it and why; and who saw a person's clear data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from services.identity.domain import (
    Access,
    Account,
    Person,
    Renter,
    ReviewDecision,
    face_checked,
    face_mismatch,
    frozen,
    merged,
    parse_phone,
    recovered,
    renter_not_found,
    retried,
    reviewed,
    unfrozen,
    verified_until,
)
from services.identity.domain.accesses import EVERYTHING
from services.identity.operations.ports import AccessStore, AccountStore, Faces, FoundRenter, Note, RenterStore, Vault
from services.identity.operations.renters import may_see
from services.values import pages
from services.values.callers import Caller
from services.values.clock import Clock
from services.values.errors import Category, Refusal
from services.values.ids import bucket_of, new_id
from services.values.requests import Request, fingerprint

Change = Callable[[Account], Account]


class Accounts:
    """What becomes of accounts. Every method raises RENTER_NOT_FOUND, STATE_NOT_ALLOWED and REQUEST_ID_REUSED."""

    def __init__(
        self,
        renters: RenterStore,
        accounts: AccountStore,
        accesses: AccessStore,
        vault: Vault,
        faces: Faces,
        wake: Callable[[], None],
        clock: Clock,
        real: Clock,
    ) -> None:
        self._renters = renters
        self._accounts = accounts
        self._accesses = accesses
        self._vault = vault
        self._faces = faces
        self._wake = wake
        self._clock = clock
        self._real = real

    async def retry(self, caller: Caller, request_id: str, renter_id: str) -> Renter:
        """The registry is asked again, at once."""
        await self._found(caller, renter_id)
        now, at_once = self._clock.now(), self._real.now()
        changed = await self._change(
            caller, "RetryVerification", request_id, renter_id, "", lambda account: retried(account, now, at_once)
        )
        self._wake()
        return changed

    async def check_face(self, caller: Caller, request_id: str, renter_id: str, face_token: str) -> Renter:
        """A person whose face was compared. Raises FACE_MISMATCH, UPSTREAM_UNAVAILABLE."""
        found = await self._found(caller, renter_id)
        now, shown = self._clock.now(), fingerprint(face_token).hex()
        known = await self._accounts.find_changed(
            self._request(caller, "CheckFace", request_id, renter_id, "", shown), renter_id
        )
        if known is not None:
            return known.as_renter(now)
        face_checked(found.account, now)
        person = await self._open(found, "faces", ("document_number", "full_name"), "face check")
        same = await self._faces.compare(f"{renter_id}.{request_id}.{shown[:32]}", person, face_token)
        if same is None:
            raise Refusal(Category.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "the face provider did not answer; retry")
        if not same:
            raise face_mismatch()
        return await self._change(
            caller, "CheckFace", request_id, renter_id, "", lambda account: face_checked(account, now), shown
        )

    async def review(
        self, caller: Caller, request_id: str, renter_id: str, decision: ReviewDecision, reason: str
    ) -> Renter:
        """What an operator decided about an unclear answer of the registry."""
        found = await self._found(caller, renter_id)
        person = await self._open(found, caller.id, EVERYTHING, f"review: {reason}")
        now = self._clock.now()
        until = verified_until(person, now)
        return await self._change(
            caller,
            "ReviewRenter",
            request_id,
            renter_id,
            reason,
            lambda account: reviewed(account, decision, until, now),
            decision,
        )

    async def freeze(self, caller: Caller, request_id: str, renter_id: str, reason: str) -> Renter:
        """A person who can rent nothing new."""
        await self._found(caller, renter_id)
        now = self._clock.now()
        return await self._change(
            caller, "FreezeRenter", request_id, renter_id, reason, lambda account: frozen(account, now)
        )

    async def unfreeze(self, caller: Caller, request_id: str, renter_id: str, reason: str) -> Renter:
        """A person as they were before."""
        await self._found(caller, renter_id)
        now = self._clock.now()
        return await self._change(
            caller, "UnfreezeRenter", request_id, renter_id, reason, lambda account: unfrozen(account, now)
        )

    async def recover(self, caller: Caller, request_id: str, renter_id: str, phone: str, reason: str) -> Renter:
        """A person with a new phone. Raises PHONE_INVALID."""
        found = await self._found(caller, renter_id)
        person = await self._open(found, caller.id, ("phone",), f"recovery: {reason}")
        fresh = replace(person, phone=parse_phone(phone))
        sealed, now = self._vault.seal(renter_id, fresh), self._clock.now()
        return await self._change(
            caller,
            "RecoverRenter",
            request_id,
            renter_id,
            reason,
            lambda account: recovered(account, sealed, now),
            self._vault.fingerprint(fresh),
        )

    async def merge(self, caller: Caller, request_id: str, from_id: str, into_id: str, reason: str) -> Renter:
        """The account that was closed in favour of the other."""
        for renter_id in (from_id, into_id):
            await self._found(caller, renter_id)
        now = self._clock.now()

        def apply(account: Account, into: Account | None) -> Account:
            if into is None:
                raise renter_not_found()
            return merged(account, into, now)

        request = self._request(caller, "MergeRenters", request_id, from_id, into_id, reason)
        note = Note("MergeRenters", caller.id, reason, now)
        return (await self._accounts.change(request, from_id, note, apply, into_id)).as_renter(now)

    async def show(self, caller: Caller, renter_id: str, reason: str) -> Person:
        """A person's clear data, for an operator who says why. Raises RENTER_NOT_FOUND."""
        return await self._open(await self._found(caller, renter_id), caller.id, EVERYTHING, reason)

    async def accesses(self, renter_id: str, page_size: int, page_token: str) -> tuple[list[Access], str]:
        """A page of who saw the person's clear data, newest first. Raises PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        before = pages.decode(page_token, "accesses", renter_id)
        found = await self._accesses.list_accesses(renter_id, before, size + 1)
        more = pages.encode(found[size - 1].access_id, "accesses", renter_id) if len(found) > size else ""
        return found[:size], more

    async def _found(self, caller: Caller, renter_id: str) -> FoundRenter:
        found = await self._renters.find_renter(renter_id, caller.partner_id or "")
        if found is None or not may_see(caller, found) or found.account.erased_at is not None:
            raise renter_not_found()
        return found

    async def _open(self, found: FoundRenter, actor: str, fields: tuple[str, ...], reason: str) -> Person:
        """The access is on record before anything is seen."""
        renter_id = found.account.renter_id
        seen = Access(new_id("acc"), renter_id, actor, fields, reason, self._clock.now())
        await self._accesses.record([seen])
        return self._vault.open(renter_id, found.account.sealed)

    async def _change(
        self,
        caller: Caller,
        kind: str,
        request_id: str,
        renter_id: str,
        reason: str,
        change: Change,
        *content: str,
    ) -> Renter:
        now: datetime = self._clock.now()
        request = self._request(caller, kind, request_id, renter_id, reason, *content)
        note = Note(kind, caller.id, reason, now)
        account = await self._accounts.change(request, renter_id, note, lambda account, _: change(account))
        return account.as_renter(now)

    def _request(self, caller: Caller, kind: str, request_id: str, renter_id: str, *content: str) -> Request:
        return Request(bucket_of(renter_id), caller.id, kind, request_id, fingerprint(renter_id, *content))
