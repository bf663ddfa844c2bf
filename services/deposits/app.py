"""Where deposits' objects meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import grpc
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from freehold.deposits.v1 import (
    billing_service_pb2,
    billing_service_pb2_grpc,
    deposits_internal_service_pb2,
    deposits_internal_service_pb2_grpc,
    deposits_service_pb2,
    deposits_service_pb2_grpc,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    policy_service_pb2,
    policy_service_pb2_grpc,
    reconciliation_service_pb2,
    reconciliation_service_pb2_grpc,
)
from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from services.deposits.clients import IdentityClient, RentalEvents, ScoringClient, ScoringEvents
from services.deposits.domain import Deposit, Notice, Operation
from services.deposits.operations import (
    Billing,
    Changing,
    Claiming,
    Explaining,
    Lapsing,
    PaymentMethods,
    Policies,
    Processing,
    Reading,
    Remaking,
    Securing,
    Settling,
    Simulating,
)
from services.deposits.operations.ledger import Correcting, Exporting, LedgerReading, RollingUp, Sealing
from services.deposits.operations.ports import Processor, SecureItem
from services.deposits.operations.reconciling import Deciding, Repairing, Running
from services.deposits.operations.settling import CancelItem, CorrectItem, SettleItem
from services.deposits.processors.sandbox import HttpProcessor
from services.deposits.processors.stripe import StripeProcessor, StripeSettings
from services.deposits.processors.wechat import Gateway, WeChatProcessor
from services.deposits.processors.wechat.settings import WeChatSettings
from services.deposits.servicer import ACCESS, LIMITS, PublicServicer
from services.deposits.servicer_billing import ACCESS as BILLING_ACCESS
from services.deposits.servicer_billing import BillingServicer
from services.deposits.servicer_internal import InternalServicer
from services.deposits.servicer_ledger import ACCESS as LEDGER_ACCESS
from services.deposits.servicer_ledger import LIMITS as LEDGER_LIMITS
from services.deposits.servicer_ledger import LedgerServicer
from services.deposits.servicer_notices import NoticeDoor
from services.deposits.servicer_policies import ACCESS as POLICY_ACCESS
from services.deposits.servicer_policies import LIMITS as POLICY_LIMITS
from services.deposits.servicer_policies import PolicyServicer
from services.deposits.servicer_reconciliation import ACCESS as RECONCILIATION_ACCESS
from services.deposits.servicer_reconciliation import ReconciliationServicer
from services.deposits.store import Store
from services.deposits.sweeper import (
    BILL_SECONDS,
    LAPSE_SECONDS,
    PLAN_SECONDS,
    RECONCILE_SECONDS,
    ROLL_UP_SECONDS,
    SEAL_SECONDS,
    SWEEP_SECONDS,
    Reconciled,
    RefundQueue,
    Runner,
)
from services.runtime.authenticators import RemoteCredentials
from services.runtime.batching import Batcher
from services.runtime.breakers import NeighbourBreaker
from services.runtime.channels import open_channel
from services.runtime.clock import SystemClock, clock_of, real_of
from services.runtime.database import Database
from services.runtime.migrations import verify
from services.runtime.outbox import Relay
from services.runtime.personal_data import DataHolder
from services.runtime.queries import load_queries
from services.runtime.server import InternalService, PublicService, Server
from services.runtime.service import run
from services.runtime.sweeper import Sweeper
from services.runtime.tasks import Tasks
from services.runtime.telemetry import Tracer
from services.values.clock import Clock

SERVICE = "deposits"
CALLS = frozenset({"identity", "scoring"})
PUBLISHES_TO = frozenset({"rental", "scoring", "identity"})
_BY_RENTAL = ("SecureDeposits", "SettleDeposits", "CancelDeposits", "CorrectCharges")
INTERNAL_CALLERS = {rpc: frozenset({"rental"}) for rpc in _BY_RENTAL}
INTERNAL_CALLERS["Deliver"] = frozenset({"scoring"})
"""Which services may call what."""


class Settings(StripeSettings, WeChatSettings):
    """Deposits' settings, from FREEHOLD_DEPOSITS_…"""

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_DEPOSITS_", frozen=True, extra="ignore")

    identity_address: str
    scoring_address: str
    rental_address: str
    processor_url: str
    processor_secret: SecretStr
    notices_port: int = Field(default=0, ge=0, le=65535)


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """A deposits server that is ready to start; what it opened is closed at the end."""
    dsn = settings.dsn.get_secret_value()
    await verify(dsn, "services.deposits")
    db = await Database.connect(dsn, pool_size=settings.pool_size)
    channels = {
        peer: open_channel(address, peer, settings.tls_dir, SERVICE)
        for peer, address in (
            ("identity", settings.identity_address),
            ("scoring", settings.scoring_address),
            ("rental", settings.rental_address),
        )
    }
    async with _processors(settings) as processors:
        house = House(settings, db, channels, processors)
        if settings.notices_port:
            await house.notices.open(settings.host, settings.notices_port)
        background = [asyncio.create_task(work, name=name) for name, work in house.background()]
        try:
            yield house.server(settings, tracer)
        finally:
            await house.notices.close()
            await house.close(settings.drain_seconds)
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await asyncio.gather(*(channel.close() for channel in channels.values()))
            await db.close()


@asynccontextmanager
async def _processors(settings: Settings) -> AsyncIterator[dict[str, Processor]]:
    """The payment processors that are set up, by name; their connections are closed at the end."""
    async with AsyncExitStack() as opened:
        session = await opened.enter_async_context(aiohttp.ClientSession())
        secret = settings.processor_secret.get_secret_value()
        processors: dict[str, Processor] = {"sandbox": HttpProcessor(session, settings.processor_url, secret)}
        if settings.stripe_secrets is not None:
            secrets, features = settings.stripe_secrets, settings.stripe_features
            processors["stripe"] = StripeProcessor(session, settings.stripe_url, secrets, features, SystemClock())
        merchant = settings.wechat_merchant()
        if merchant is not None:
            gateway = await opened.enter_async_context(Gateway(merchant, SystemClock()))
            processors["wechat"] = WeChatProcessor(gateway, merchant)
        yield processors


class House:
    """Deposits' objects, wired."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        channels: dict[str, grpc.aio.Channel],
        processors: Mapping[str, Processor],
    ) -> None:
        real = SystemClock()
        clock: Clock = clock_of(settings.clock_scale, settings.clock_epoch_real, settings.clock_epoch_virtual)
        self.identity, self.scoring = IdentityClient(channels["identity"]), ScoringClient(channels["scoring"])
        self.credentials = RemoteCredentials(IdentityInternalServiceStub(channels["identity"]))
        facts = ScoringEvents(channels["scoring"], self.identity)
        self.holder = DataHolder(db, load_queries("services.deposits"), channels["identity"])
        self.relays = [
            self.holder.relay,
            Relay(db, "rental", RentalEvents(channels["rental"]).deliver),
            Relay(db, "scoring", facts.deliver),
        ]
        store = Store(db, real.now, self._wake)
        self.tasks = Tasks()
        capabilities = {name: processor.capabilities for name, processor in processors.items()}
        breakers = {name: NeighbourBreaker(name) for name in processors}
        changing = Changing(store, capabilities, self._launch, clock, real)
        self.runner = Runner(Processing(changing, processors, breakers), self.tasks, self._tell)
        billing = Billing(changing)
        lapsing = Lapsing(changing, processors, breakers)
        self.sweepers = [
            Sweeper("processor_operations", self.runner.sweep, SWEEP_SECONDS),
            Sweeper("lapsing_holds", lapsing.sweep, LAPSE_SECONDS),
            Sweeper("bills", billing.sweep, BILL_SECONDS),
            Sweeper("refund_queue", RefundQueue(lapsing, real).measure, LAPSE_SECONDS),
            Sweeper("ledger_roll_up", RollingUp(store).sweep, ROLL_UP_SECONDS),
            Sweeper("ledger_seals", Sealing(store, clock, real).sweep, SEAL_SECONDS),
        ]
        self._changing = changing
        self.notices = NoticeDoor(processors, self._hasten)
        securing = Securing(store, self.scoring, self.identity, self._launch, clock, real)
        methods = PaymentMethods(changing, processors, self.identity)
        claiming, reading = Claiming(changing), Reading(store)
        policies = Policies(store, clock)
        self.public = PublicServicer(policies, securing, methods, claiming, reading)
        self.policies = PolicyServicer(policies, Explaining(store, clock), Simulating(store, clock))
        remaking = Remaking(changing, self.scoring, self.identity)
        self.internal = _internal(securing, Settling(changing), remaking)
        self.bills = BillingServicer(billing)
        self.reconciliation = self._reconciliation(store, processors)
        books = LedgerReading(store)
        self.ledger = LedgerServicer(books, Exporting(books), Correcting(store, clock))

    def _reconciliation(self, store: Store, processors: Mapping[str, Processor]) -> ReconciliationServicer:
        clock, real = self._changing.clock, self._changing.real
        running = Running(store, processors, clock, real, lambda moment: real_of(clock, moment))
        repairing = Repairing(store, self._changing, processors)
        runs = Sweeper("reconciliation", running.sweep, RECONCILE_SECONDS)
        repairs = Sweeper("repairs", repairing.sweep, RECONCILE_SECONDS)

        def wake() -> None:
            runs.wake()
            repairs.wake()

        deciding = Deciding(store, processors, clock, real, wake)
        self.reconcilers = [
            runs,
            repairs,
            Sweeper("reconciliation_plan", deciding.plan, PLAN_SECONDS),
            Sweeper("reconciled", Reconciled(store, processors, clock).measure, RECONCILE_SECONDS),
        ]
        return ReconciliationServicer(deciding)

    def _launch(self, operations: Sequence[Operation]) -> None:
        self.runner.launch(operations)

    async def _hasten(self, processor: str, notice: Notice) -> None:
        await self._changing.store.hasten(processor, notice, self._changing.real.now(), self._changing.clock.now())
        for sweeper in self.sweepers:
            sweeper.wake()

    def _wake(self) -> None:
        for relay in self.relays:
            relay.wake()

    def _tell(self, deposit: Deposit) -> None:
        self.internal.tell(deposit)

    def background(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs beside the servers, by name."""
        yield "credential watch", self.credentials.watch()
        for sweeper in (*self.sweepers, *self.reconcilers):
            yield f"{sweeper.name} sweeper", sweeper.run()
        for relay in self.relays:
            yield "relay", relay.run()

    def server(self, settings: Settings, tracer: Tracer) -> Server:
        """The two doors."""
        public = PublicService(
            deposits_service_pb2.DESCRIPTOR.services_by_name["DepositsService"],
            deposits_service_pb2_grpc.add_DepositsServiceServicer_to_server,
            self.public,
            ACCESS,
            LIMITS,
        )
        billing = PublicService(
            billing_service_pb2.DESCRIPTOR.services_by_name["BillingService"],
            billing_service_pb2_grpc.add_BillingServiceServicer_to_server,
            self.bills,
            BILLING_ACCESS,
        )
        policies = PublicService(
            policy_service_pb2.DESCRIPTOR.services_by_name["PolicyService"],
            policy_service_pb2_grpc.add_PolicyServiceServicer_to_server,
            self.policies,
            POLICY_ACCESS,
            POLICY_LIMITS,
        )
        reconciliation = PublicService(
            reconciliation_service_pb2.DESCRIPTOR.services_by_name["ReconciliationService"],
            reconciliation_service_pb2_grpc.add_ReconciliationServiceServicer_to_server,
            self.reconciliation,
            RECONCILIATION_ACCESS,
        )
        ledger = PublicService(
            ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"],
            ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server,
            self.ledger,
            LEDGER_ACCESS,
            LEDGER_LIMITS,
        )
        internal = InternalService(
            deposits_internal_service_pb2.DESCRIPTOR.services_by_name["DepositsInternalService"],
            deposits_internal_service_pb2_grpc.add_DepositsInternalServiceServicer_to_server,
            self.internal,
            INTERNAL_CALLERS,
        )
        doors = ([public, billing, policies, ledger, reconciliation], [internal, self.holder.service])
        return Server(SERVICE, settings, self.credentials.authenticate, *doors, tracer)

    async def close(self, patience: float) -> None:
        """Lets processor operations end, then the streams."""
        await self.tasks.drain(patience)
        await self.identity.close()
        await self.scoring.close()


def _internal(securing: Securing, settling: Settling, remaking: Remaking) -> InternalServicer:
    secures: Batcher[SecureItem, Deposit] = Batcher("secure", securing.secure, key=lambda item: item.renter_id)
    settles: Batcher[SettleItem, Deposit] = Batcher("settle", settling.settle, key=lambda item: item.rental_id)
    cancels: Batcher[CancelItem, Deposit] = Batcher("cancel", settling.cancel, key=lambda item: item.rental_id)
    corrections: Batcher[CorrectItem, Deposit] = Batcher("correct", settling.correct, key=lambda item: item.rental_id)
    return InternalServicer(secures, settles, cancels, corrections, remaking)


def main() -> int:
    """`freehold serve deposits`."""
    return run(SERVICE, Settings, build)
