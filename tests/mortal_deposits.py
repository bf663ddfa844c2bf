"""Deposits as `freehold serve deposits` runs it, but mortal: it kills itself where a test wants it to.

    python tests/mortal_deposits.py FOLDER URL-OF-A-SECOND-PROCESSOR

Everything is the real service; a scythe stands around methods of its ports, and the service knows nothing of it. A file
in FOLDER arms one moment for one renter; when work for that renter comes there, the file is renamed (so it happens
once) and the process ends by SIGKILL, in the middle of what it was doing.

It has two processors more of the sandbox kind: a second one, for what falls back or lapses, and one that went away
after it had taken cards.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from services.deposits import app
from services.deposits.clients import RentalEvents, ScoringEvents
from services.deposits.domain import BillChange, Change, DepositState, OperationState
from services.deposits.operations.ports import Attached, Processor
from services.deposits.processors.sandbox import HttpProcessor
from services.deposits.servicer.internal import InternalServicer
from services.deposits.store import Store
from services.values.ids import bucket_of

SECOND, GONE = "second", "gone"
NOBODY = "http://127.0.0.1:9"
"""The discard port: connections are refused."""
Inner = Callable[..., Any]


class Scythe:
    """Ends this process at armed moments. What belongs to a renter is known by the bucket in its id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def at(self, moment: str, ids: Iterable[str]) -> None:
        """Work on these ids has come to a moment."""
        for file in self._folder.glob("*.armed"):
            armed = json.loads(file.read_text(encoding="utf-8"))
            if armed["moment"] == moment and any(bucket_of(i) == bucket_of(armed["renter_id"]) for i in ids):
                file.rename(file.with_suffix(f".{os.getpid()}"))
                os.kill(os.getpid(), signal.SIGKILL)

    def after(self, outcome: object, prefix: str = "") -> None:
        """A change is committed."""
        for moment, deposit_id in _effects(outcome):
            self.at(f"{prefix}{moment} after commit", [deposit_id])

    def inside(self, transition: Inner, prefix: str = "") -> Inner:
        """A transition after which the process may die, the row locked and nothing committed."""

        def mortal(*locked: Any) -> Any:
            outcome = transition(*locked)
            for moment, deposit_id in _effects(outcome):
                self.at(f"{prefix}{moment} before commit", [deposit_id])
            return outcome

        return mortal


def _effects(outcome: object) -> Iterator[tuple[str, str]]:
    """What a change does, in words, and to which deposit."""
    change = outcome.change if isinstance(outcome, BillChange) else outcome
    if not isinstance(change, Change):
        return
    words = [change.deposit.state.lower()]
    words += [transfer.kind.lower() for transfer in change.transfers]
    words += [f"{operation.kind.lower()} wanted" for operation in change.wanted]
    words += [f"hold {change.hold_event.lower()}"] if change.hold_event else []
    words += ["given up"] if change.given_up else []
    yield from ((word, change.deposit.deposit_id) for word in words)


def _around(owner: type, method: str) -> Callable[[Inner], None]:
    """Puts a function around a method: it is called with the method and its arguments."""
    inner = getattr(owner, method)

    def install(outer: Inner) -> None:
        @functools.wraps(inner)
        async def mortal(self: object, *args: Any) -> Any:
            return await outer(functools.partial(inner, self), *args)

        setattr(owner, method, mortal)

    return install


def _mortal_store(scythe: Scythe) -> None:
    @_around(Store, "secure")
    async def secure(inner: Inner, decisions: Any, *rest: Any) -> Any:
        scythe.at("decision before commit", [decision.deposit.deposit_id for decision in decisions])
        written = await inner(decisions, *rest)
        for deposit in written:
            if deposit is not None:
                what = "waiver" if deposit.state is DepositState.WAIVED else "hold wanted"
                scythe.at(f"{what} after commit", [deposit.deposit_id])
        return written

    @_around(Store, "change")
    async def change(inner: Inner, transitions: Any, *rest: Any) -> Any:
        outcomes = await inner([(i, scythe.inside(transition)) for i, transition in transitions], *rest)
        for outcome in outcomes:
            scythe.after(outcome)
        return outcomes

    @_around(Store, "change_once")
    async def change_once(inner: Inner, request: Any, deposit_id: str, transition: Inner, *rest: Any) -> Any:
        outcome = await inner(request, deposit_id, scythe.inside(transition, "claim: "), *rest)
        scythe.after(outcome, "claim: ")
        return outcome

    @_around(Store, "change_bill")
    async def change_bill(inner: Inner, request: Any, deposit_id: str, transition: Inner, *rest: Any) -> Any:
        prefix = "bill: " if request is not None else "attempt: "
        outcome = await inner(request, deposit_id, scythe.inside(transition, prefix), *rest)
        scythe.after(outcome[0] if isinstance(outcome, tuple) else outcome, prefix)
        return outcome

    @_around(Store, "lease_operations")
    async def lease_operations(inner: Inner, *args: Any) -> Any:
        leased = await inner(*args)
        for one in leased:
            scythe.at(f"{one.operation.kind.lower()} taken up", [one.operation.deposit_id])
        return leased

    @_around(Store, "add_payment_method")
    async def add_payment_method(inner: Inner, request: Any, method: Any) -> Any:
        added = await inner(request, method)
        scythe.at("payment method after commit", [method.renter_id])
        return added

    @_around(Store, "hasten")
    async def hasten(inner: Inner, processor: str, notice: Any, *rest: Any) -> None:
        scythe.at("notice before commit", [notice.operation_id])
        await inner(processor, notice, *rest)
        scythe.at("notice after commit", [notice.operation_id])


def _mortal_edges(scythe: Scythe) -> None:
    @_around(HttpProcessor, "perform")
    async def perform(inner: Inner, operation: Any) -> Any:
        kind, ids = operation.kind.lower(), [operation.deposit_id]
        scythe.at(f"{kind} before the call", ids)
        result = await inner(operation)
        if result is not None:
            heard = "declined" if result.state is OperationState.DECLINED else "answered"
            scythe.at(f"{kind} {heard}, not written", ids)
        return result

    @_around(HttpProcessor, "query")
    async def query(inner: Inner, operation: Any) -> Any:
        result = await inner(operation)
        if result is not None:
            scythe.at(f"{operation.kind.lower()} asked about, not written", [operation.deposit_id])
        return result

    for owner, whom in ((RentalEvents, "rental"), (ScoringEvents, "scoring")):

        @_around(owner, "deliver")
        async def deliver(inner: Inner, rows: Any, whom: str = whom) -> Any:
            ids = [row.renter_id for row in rows if row.renter_id]
            scythe.at(f"event before {whom} has it", ids)
            taken = await inner(rows)
            scythe.at(f"event after {whom} has it", ids)
            return taken

    tell = InternalServicer.tell

    def told(self: InternalServicer, deposit: Any) -> None:
        scythe.at("written, rental not told", [deposit.deposit_id])
        tell(self, deposit)

    InternalServicer.tell = told  # type: ignore[method-assign]


class SecondProcessor(HttpProcessor):
    """The same kind under another name."""

    capabilities = replace(HttpProcessor.capabilities, name=SECOND)


class GoneProcessor(HttpProcessor):
    """One that does not answer any more, since it has taken the card."""

    capabilities = replace(HttpProcessor.capabilities, name=GONE)

    async def attach(self, token: str, idempotency_key: str) -> Attached:
        return Attached(f"pm_{token}", "visa", "4242")


def _with_more_processors(url: str) -> None:
    made = app.open_processors

    @asynccontextmanager
    async def processors(settings: app.Settings) -> AsyncIterator[dict[str, Processor]]:
        secret = settings.processor_secret.get_secret_value()
        async with made(settings) as usual, aiohttp.ClientSession() as session:
            second, gone = SecondProcessor(session, url, secret), GoneProcessor(session, NOBODY, secret)
            yield {**usual, SECOND: second, GONE: gone}

    app.open_processors = processors


def main() -> int:
    """Serves until it dies."""
    folder, second_url = sys.argv[1:3]
    scythe = Scythe(Path(folder))
    _mortal_store(scythe)
    _mortal_edges(scythe)
    _with_more_processors(second_url)
    return app.main()


if __name__ == "__main__":
    sys.exit(main())
