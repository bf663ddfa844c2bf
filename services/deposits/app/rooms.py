"""The use cases of deposits, joined, and what runs beside the doors."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any

import grpc

from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from services.deposits.app.settings import Settings
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
from services.deposits.servicer import (
    BillingServicer,
    InternalServicer,
    LedgerServicer,
    NoticeDoor,
    PolicyServicer,
    PublicServicer,
    ReconciliationServicer,
)
from services.deposits.store import Store
from services.deposits.sweeper import (
    BILL_SECONDS,
    LAPSE_SECONDS,
    PLAN_SECONDS,
    RECONCILE_SECONDS,
    ROLL_UP_SECONDS,
    SEAL_SECONDS,
    SHARE,
    SWEEP_SECONDS,
    Reconciled,
    RefundQueue,
    Runner,
)
from services.runtime.authenticators import RemoteCredentials
from services.runtime.batching import Batcher
from services.runtime.breakers import NeighbourBreaker
from services.runtime.clock import SystemClock, clock_of, real_of
from services.runtime.database import Database
from services.runtime.outbox import Relay
from services.runtime.personal_data import DataHolder
from services.runtime.queries import load_queries
from services.runtime.sweeper import Sweeper
from services.runtime.tasks import Tasks
from services.values.clock import Clock


class Rooms:
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

    async def close(self, patience: float) -> None:
        """Lets processor operations end, then the streams."""
        await self.tasks.drain(patience)
        await self.identity.close()
        await self.scoring.close()


def _internal(securing: Securing, settling: Settling, remaking: Remaking) -> InternalServicer:
    secures: Batcher[SecureItem, Deposit] = Batcher("secure", securing.secure, key=lambda item: item.renter_id)
    settles: Batcher[SettleItem, Deposit] = Batcher(
        "settle", settling.settle, key=lambda item: item.rental_id, share=SHARE
    )
    cancels: Batcher[CancelItem, Deposit] = Batcher("cancel", settling.cancel, key=lambda item: item.rental_id)
    corrections: Batcher[CorrectItem, Deposit] = Batcher("correct", settling.correct, key=lambda item: item.rental_id)
    return InternalServicer(secures, settles, cancels, corrections, remaking)
