"""The public gRPC of a running house, called as any app calls it: a credential, a deadline, and patience.

A call that ends UNAVAILABLE, without an answer in time or too soon after others is repeated as it stands: its
request_id makes that safe.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import grpc

from freehold.deposits.v1.billing_service_pb2_grpc import BillingServiceStub
from freehold.deposits.v1.deposits_service_pb2_grpc import DepositsServiceStub
from freehold.deposits.v1.ledger_service_pb2_grpc import LedgerServiceStub
from freehold.deposits.v1.policy_service_pb2_grpc import PolicyServiceStub
from freehold.deposits.v1.reconciliation_service_pb2_grpc import ReconciliationServiceStub
from freehold.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from freehold.identity.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from freehold.identity.v1.staff_service_pb2_grpc import StaffServiceStub
from freehold.rental.v1.asset_service_pb2_grpc import AssetServiceStub
from freehold.rental.v1.feed_service_pb2_grpc import FeedServiceStub
from freehold.rental.v1.life_service_pb2_grpc import LifeServiceStub
from freehold.rental.v1.place_service_pb2_grpc import PlaceServiceStub
from freehold.rental.v1.pricing_service_pb2_grpc import PricingServiceStub
from freehold.rental.v1.rental_service_pb2_grpc import RentalServiceStub
from freehold.rental.v1.reservation_service_pb2_grpc import ReservationServiceStub
from freehold.scoring.v1.bureau_service_pb2_grpc import BureauServiceStub
from freehold.scoring.v1.dispute_service_pb2_grpc import DisputeServiceStub
from freehold.scoring.v1.endorsement_service_pb2_grpc import EndorsementServiceStub
from freehold.scoring.v1.proof_service_pb2_grpc import ProofServiceStub
from freehold.scoring.v1.scorecard_service_pb2_grpc import ScorecardServiceStub
from freehold.scoring.v1.scoring_service_pb2_grpc import ScoringServiceStub
from services.runtime.statuses import RETRY_AFTER, of_rpc_error
from services.values.errors import Category, Refusal

CALL_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
_AGAIN = frozenset({Category.UNAVAILABLE, Category.DEADLINE_EXCEEDED})
_OPTIONS = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000))

Request = TypeVar("Request")
Response = TypeVar("Response")


class Api:
    """One channel per service.

    Args:
        addresses: "host:port" of the public doors.
        authority: the certificate to trust, when the doors speak TLS.
    """

    def __init__(
        self,
        addresses: Mapping[str, str],
        patience_seconds: float = PATIENCE_SECONDS,
        authority: Path | None = None,
    ) -> None:
        self._channels = {name: _open(address, authority) for name, address in addresses.items()}
        self._patience_seconds = patience_seconds
        self.identity = IdentityServiceStub(self._channels["identity"])
        self.privacy = PrivacyServiceStub(self._channels["identity"])
        self.staff = StaffServiceStub(self._channels["identity"])
        self.scoring = ScoringServiceStub(self._channels["scoring"])
        self.bureaus = BureauServiceStub(self._channels["scoring"])
        self.disputes = DisputeServiceStub(self._channels["scoring"])
        self.scorecards = ScorecardServiceStub(self._channels["scoring"])
        self.proofs = ProofServiceStub(self._channels["scoring"])
        self.endorsements = EndorsementServiceStub(self._channels["scoring"])
        self.deposits = DepositsServiceStub(self._channels["deposits"])
        self.bills = BillingServiceStub(self._channels["deposits"])
        self.policies = PolicyServiceStub(self._channels["deposits"])
        self.reconciliation = ReconciliationServiceStub(self._channels["deposits"])
        self.ledger = LedgerServiceStub(self._channels["deposits"])
        self.rental = RentalServiceStub(self._channels["rental"])
        self.assets = AssetServiceStub(self._channels["rental"])
        self.places = PlaceServiceStub(self._channels["rental"])
        self.feeds = FeedServiceStub(self._channels["rental"])
        self.reservations = ReservationServiceStub(self._channels["rental"])
        self.lives = LifeServiceStub(self._channels["rental"])
        self.pricing = PricingServiceStub(self._channels["rental"])

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    async def call(
        self,
        rpc: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        credential: str,
        timeout: float = CALL_SECONDS,
    ) -> Response:
        """The answer; raises the typed Refusal, an unclear one only after `patience_seconds`."""
        ends, pause = time.monotonic() + self._patience_seconds, 0.05
        while True:
            try:
                return await rpc(request, metadata=_bearer(credential), timeout=timeout)
            except grpc.aio.AioRpcError as error:
                refusal = refusal_of(error)
            if not _may_repeat(refusal) or time.monotonic() > ends:
                raise refusal
            asked = float(refusal.metadata.get(RETRY_AFTER, 0))
            await asyncio.sleep(asked + pause * random.uniform(0.5, 1.5))  # noqa: S311 (spreads repeats)
            pause = min(2 * pause, 1.0)


def _open(address: str, authority: Path | None) -> grpc.aio.Channel:
    if authority is None:
        return grpc.aio.insecure_channel(address, options=_OPTIONS)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(authority.read_bytes()), options=_OPTIONS)


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """What a failed call says: the service's own words, or that there was no answer."""
    return of_rpc_error(error)


def _may_repeat(refusal: Refusal) -> bool:
    return refusal.category in _AGAIN or refusal.reason in ("OVERLOADED", "RATE_LIMITED")


def _bearer(credential: str) -> Any:
    return grpc.aio.Metadata(("authorization", f"Bearer {credential}"))
