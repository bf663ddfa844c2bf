"""Identity, plainly: one read per check. Credentials are those of the real service."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.peers import contract
from freehold.identity.v1 import identity_internal_service_pb2 as pb
from freehold.identity.v1 import identity_internal_service_pb2_grpc as rpc
from services.identity.app import INTERNAL_CALLERS, SERVICE, Settings
from services.identity.keys import load_keys, verification_keys
from services.identity.operations import Logins, Partners
from services.identity.passwords import Passwords
from services.identity.servicer import InternalServicer
from services.identity.store import PartnerStore, StaffStore
from services.identity.vault import Vault
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.key_ring import FileKeyRing
from services.runtime.server import InternalService, Server
from services.runtime.telemetry import Tracer
from services.values.ids import bucket_of

CHECK = """
SELECT r.state,
       EXISTS (SELECT 1 FROM partner_links l
               WHERE l.bucket = r.bucket AND l.renter_id = r.renter_id AND l.partner_id = $3) AS linked,
       EXISTS (SELECT 1 FROM consents c
               WHERE c.bucket = r.bucket AND c.renter_id = r.renter_id AND c.partner_id = $3
                 AND c.purpose = 'DEPOSIT_SCORING' AND c.withdrawn_at IS NULL) AS consenting
FROM renters r WHERE r.bucket = $1 AND r.renter_id = $2"""


class PeerIdentity:
    """May this person rent here, and do they consent?"""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def Check(self, request: pb.CheckRenterItem, context: Any) -> pb.CheckRenterResult:
        row = await self._db.fetchrow(CHECK, bucket_of(request.renter_id), request.renter_id, request.partner_id)
        assert row is not None
        return pb.CheckRenterResult(
            item_id=request.item_id,
            verified=row["state"] == "VERIFIED",
            linked=row["linked"],
            old_enough=True,
            scoring_consent=row["consenting"],
        )


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """The service."""
    keys = load_keys(settings.keys_dir)
    db = await Database.connect(settings.dsn.get_secret_value(), pool_size=settings.pool_size)
    clock, vault = SystemClock(), Vault(keys, FileKeyRing(settings.keys_dir))
    partners = Partners(PartnerStore(db), vault, clock, clock)
    logins = Logins(StaffStore(db, clock.now), vault, Passwords(), clock, clock)
    jwks = json.dumps(verification_keys(keys).as_dict(private=False))
    real = InternalServicer(partners, logins, None, None, jwks)  # type: ignore[arg-type]  # CheckRenters is not called
    internal = [
        InternalService(
            pb.DESCRIPTOR.services_by_name["IdentityInternalService"],
            rpc.add_IdentityInternalServiceServicer_to_server,
            real,
            INTERNAL_CALLERS,
        ),
        contract.internal("PeerIdentity", PeerIdentity(db)),
    ]
    try:
        yield Server(SERVICE, settings, _nobody, [], internal, tracer)
    finally:
        await db.close()


async def _nobody(bearer: str) -> Any:
    raise AssertionError("the peer of identity has no public door")
