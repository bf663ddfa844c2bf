"""What deposits keeps, durably."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deposits.domain import (
    Bill,
    BillChange,
    BillState,
    Change,
    Deposit,
    DepositState,
    Hold,
    Means,
    Moment,
    Notice,
    Operation,
    ScoreUse,
)
from services.deposits.operations.ports.deciding import Decision, Held, Known, Preview, Remade, SecureItem
from services.deposits.operations.ports.policies import PreviewKey
from services.deposits.operations.ports.processors import Leased, PaymentMethod
from services.values.errors import Refusal
from services.values.requests import Request


@dataclass(frozen=True, slots=True)
class AccountTotal:
    """The sum of one account over all renters, in one currency."""

    account: str
    currency: str
    balance_minor: int
    debits_minor: int
    credits_minor: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The ledger's health."""

    accounts: tuple[AccountTotal, ...]
    findings: tuple[str, ...]
    open_holds: int
    pending_deposits: int
    unpaid_bills: int
    outbox_waiting: int


@dataclass(frozen=True, slots=True)
class RefundQueue:
    """Money that is to go back and has not, and since when (real time) the oldest waits."""

    waiting: int
    oldest: datetime | None


Transition = Callable[[Deposit, Sequence[Operation]], "Change | Refusal"]


BillTransition = Callable[[Bill, Deposit, Sequence[Operation]], "BillChange | Refusal"]


class Store(Protocol):
    """What deposits keeps."""

    async def known(self, items: Sequence[SecureItem], now: datetime) -> list[Known]: ...
    async def secure(self, decisions: Sequence[Decision], lease_until: datetime) -> list[Deposit | None]: ...
    async def change(
        self, transitions: Sequence[tuple[str, Transition]], now: datetime, lease_until: datetime
    ) -> list[Change | Refusal]:
        """One transition per deposit and call."""
        ...

    async def change_once(
        self, request: Request, deposit_id: str, transition: Transition, now: datetime, lease_until: datetime
    ) -> Change | Refusal: ...
    async def hasten(self, processor: str, notice: Notice, real_now: datetime, now: datetime) -> None: ...
    async def other_means(self, deposit_id: str) -> Means | None: ...
    async def save_processor_order(
        self, request: Request, partner_id: str, processors: Sequence[str], author: str, now: datetime
    ) -> None: ...
    async def read_processor_order(self, partner_id: str) -> tuple[str, ...]: ...
    async def close_bills(self) -> None: ...
    async def due_bills(self, now: datetime, limit: int) -> list[tuple[str, Means]]: ...
    async def means_of(self, renter_id: str, payment_method_id: str) -> Means | None: ...
    async def change_bill(
        self,
        request: Request | None,
        deposit_id: str,
        transition: BillTransition,
        now: datetime,
        lease_until: datetime,
    ) -> tuple[BillChange, Deposit] | Refusal: ...
    async def read_bill(self, deposit_id: str) -> tuple[Bill, Deposit] | None: ...
    async def list_bills(
        self, partner_id: str, renter_id: str, state: BillState | None, before: str, limit: int
    ) -> list[tuple[Bill, Deposit]]: ...
    async def lapsing_holds(self, soon: datetime, now: datetime, limit: int) -> list[Hold]: ...
    async def looked_at(self, hold_id: str, again: datetime | None) -> None: ...
    async def refund_queue(self) -> RefundQueue: ...
    async def find_by_rental(self, rental_ids: Sequence[str]) -> dict[str, str]: ...
    async def bury(self, deposit: Deposit) -> bool: ...
    async def lease_operations(self, now: datetime, until: datetime, limit: int) -> list[Leased]: ...
    async def postpone_operation(self, operation_id: str, until: datetime) -> None: ...
    async def read_preview(self, key: PreviewKey, now: datetime) -> Preview | None: ...
    async def save_preview(self, key: PreviewKey, preview: Preview, use: ScoreUse | None, now: datetime) -> Preview: ...
    async def find_held(self, renter_id: str, since: datetime) -> list[Held]: ...
    async def remake(
        self,
        request: Request,
        renter_id: str,
        remade: Sequence[Remade],
        uses: Sequence[ScoreUse],
        moment: Moment,
        lease_until: datetime,
    ) -> list[Change]: ...
    async def find_payment_method(self, request: Request) -> PaymentMethod | None: ...
    async def add_payment_method(self, request: Request, method: PaymentMethod) -> PaymentMethod: ...
    async def list_payment_methods(self, renter_id: str, before: str, limit: int) -> list[PaymentMethod]: ...
    async def unpaid_deposits(self, renter_id: str) -> list[str]: ...
    async def read_deposit(self, deposit_id: str) -> Deposit | None: ...
    async def list_deposits(
        self, partner_id: str, renter_id: str, state: DepositState | None, before: str, limit: int
    ) -> list[Deposit]: ...
    async def trial_balance(self) -> TrialBalance: ...
