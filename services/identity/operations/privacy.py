"""A copy of everything held about a person, and their erasure: jobs over events that reach every service.

The key to the person's data goes last. Until then everything that is collected is sealed under it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.identity.domain import Access, Account
from services.identity.domain.accesses import EVERYTHING
from services.identity.domain.privacy import (
    Erasure,
    Export,
    ExportState,
    Step,
    answered,
    asked_again,
    begun,
    erasure_not_found,
    export_not_found,
    export_not_ready,
)
from services.identity.operations.ports import AccessStore, NewPart, PrivacyStore, SignReceipt, Vault
from services.values import copies
from services.values.clock import Clock
from services.values.ids import bucket_of, new_id, new_id_of
from services.values.requests import Request, fingerprint

_BATCH = 64


class Privacy:
    """Copies and erasures. Nothing of what they carry is ever stored in the clear."""

    def __init__(
        self,
        store: PrivacyStore,
        accesses: AccessStore,
        vault: Vault,
        sign: SignReceipt,
        clock: Clock,
        real: Clock,
    ) -> None:
        self._store = store
        self._accesses = accesses
        self._vault = vault
        self._sign = sign
        self._clock = clock
        self._real = real

    async def export(self, renter_id: str, request_id: str) -> Export:
        """A copy that is being collected. Raises RENTER_NOT_FOUND, REQUEST_ID_REUSED."""
        fresh = Export(new_id_of("exp", renter_id), renter_id, ExportState.COLLECTING, self._clock.now())
        request = self._request(renter_id, "ExportMyData", request_id)
        return await self._store.begin_export(request, fresh, self._own_part, self._real.now())

    def _own_part(self, account: Account, copy: Mapping[str, Any]) -> bytes:
        person = self._vault.open(account.renter_id, account.sealed)
        clear = {name: getattr(person, name) for name in (*EVERYTHING, "birth_date", "expires_on")}
        return self._vault.seal_part(account.renter_id, account.sealed, copies.pack({"person": clear, **copy}))

    async def get_export(self, renter_id: str, export_id: str) -> Export:
        """How far a copy has come. Raises EXPORT_NOT_FOUND."""
        found = await self._store.read_export(renter_id, export_id, self._clock.now())
        if found is None:
            raise export_not_found()
        return found

    async def download(self, renter_id: str, export_id: str) -> bytes:
        """A ZIP archive: a JSON file per service, and a manifest. Raises EXPORT_NOT_FOUND, EXPORT_NOT_READY."""
        export = await self.get_export(renter_id, export_id)
        if export.state is not ExportState.READY:
            raise export_not_ready()
        account, parts = await self._store.read_parts(renter_id, export_id)
        fields, now = ("everything",), self._clock.now()
        await self._accesses.record([Access(new_id("acc"), renter_id, "renter", fields, "export", now)])
        packed: dict[str, bytes] = {}
        for holder, part in parts:
            packed[holder] = packed.get(holder, b"") + self._vault.open_part(renter_id, account.sealed, part)
        return _archive(export, {holder: copies.unpack(data) for holder, data in packed.items()})

    async def take_part(self, holder: str, renter_id: str, part: NewPart) -> None:
        """A piece of a copy; one for a copy that nobody waits for is dropped."""
        await self._store.save_part(
            renter_id,
            holder,
            part,
            lambda account: self._vault.seal_part(renter_id, account.sealed, part.data),
            self._clock.now(),
        )

    async def erase(self, renter_id: str, request_id: str) -> Erasure:
        """An erasure under way. Raises RENTER_NOT_FOUND, STATE_NOT_ALLOWED, REQUEST_ID_REUSED."""
        now, real_now = self._clock.now(), self._real.now()
        fresh = begun(new_id_of("era", renter_id), renter_id, now, real_now)
        request = self._request(renter_id, "EraseMe", request_id)
        return await self._store.begin_erasure(request, fresh, now, real_now)

    async def cancel(self, renter_id: str, request_id: str, erasure_id: str) -> Erasure:
        """The erasure, cancelled. Raises ERASURE_NOT_FOUND, STATE_NOT_ALLOWED, REQUEST_ID_REUSED."""
        request = self._request(renter_id, "CancelErasure", request_id, erasure_id)
        return await self._store.cancel_erasure(request, renter_id, erasure_id, self._clock.now())

    async def get_erasure(self, erasure_id: str) -> Erasure:
        """How far an erasure has come. Raises ERASURE_NOT_FOUND."""
        found = await self._store.read_erasure(erasure_id)
        if found is None:
            raise erasure_not_found()
        return found

    async def take_answer(self, holder: str, renter_id: str, erasure_id: str, answer: Step) -> None:
        """What a service said; after the last one has erased, we do."""
        real_now = self._real.now()

        def change(erasure: Erasure) -> Erasure:
            return answered(erasure, holder, answer, real_now) if erasure.erasure_id == erasure_id else erasure

        await self._store.change_erasure(renter_id, change, self, self._clock.now(), real_now)

    def document_index(self, account: Account) -> bytes:
        """By what a person's document is found; without it the document can be registered again."""
        person = self._vault.open(account.renter_id, account.sealed)
        return self._vault.document_index(person.document_type, person.document_key)

    def receipt(self, erasure: Erasure, now: datetime) -> str:
        """What the person is given when they are gone, signed."""
        return self._sign(_statement(erasure, now))

    async def sweep(self) -> int:
        """Deletes copies that have expired and asks again what is blocked; answers how many were asked again."""
        await self._store.delete_expired(self._clock.now())
        real_now = self._real.now()
        blocked = await self._store.find_blocked(real_now, _BATCH)
        for renter_id in blocked:
            await self._store.change_erasure(renter_id, asked_again, self, self._clock.now(), real_now)
        return len(blocked)

    def _request(self, renter_id: str, method: str, request_id: str, *content: str) -> Request:
        return Request(bucket_of(renter_id), renter_id, method, request_id, fingerprint(*content))


def _statement(erasure: Erasure, now: datetime) -> dict[str, Any]:
    parts = {who: {"erased": dict(step.erased), "kept": dict(step.kept)} for who, step in erasure.steps.items()}
    return {
        "erasure_id": erasure.erasure_id,
        "asked_at": erasure.asked_at.isoformat(),
        "erased_at": now.isoformat(),
        "services": parts,
        "kept_because": "accounting records, under a pseudonym that leads to nobody",
    }


def _archive(export: Export, copies: Mapping[str, str]) -> bytes:
    manifest = {
        "export_id": export.export_id,
        "asked_at": export.asked_at.isoformat(),
        "files": [f"{holder}.json" for holder in sorted(copies)],
    }
    files = {"manifest": json.dumps(manifest, indent=2), **copies}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.json", text)
    return buffer.getvalue()
