"""Exports: the ledger as a file, CSV for spreadsheets, Beancount for bookkeeping. Renters are pseudonyms in both."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import date
from enum import StrEnum

from services.deposits.domain.ledger import Account
from services.deposits.domain.ledger.periods import span
from services.deposits.operations.ledger.ports import Listed, Owned, Selection
from services.deposits.operations.ledger.reading import LedgerReading
from services.values.callers import Caller

COLUMNS = (
    "transfer_id", "booked_on", "occurred_at", "deposit_id", "renter_id", "partner_id", "kind", "corrects", "account",
    "currency", "amount_minor",
)  # fmt: skip
"""One line per entry; debits are above zero, credits below."""
_NAMES = {
    Account.PROCESSOR_AUTHORIZED: "Assets:Processor:Authorized",
    Account.DEPOSITS_HELD: "Liabilities:Renters:DepositsHeld",
    Account.PROCESSOR_RECEIVABLE: "Assets:Processor:Receivable",
    Account.RENTER_RECEIVABLE: "Assets:Renters:Receivable",
    Account.PARTNER_PAYABLE: "Liabilities:Partner:Payable",
    Account.BAD_DEBT: "Expenses:BadDebt",
    Account.PLATFORM_CORRECTIONS: "Equity:Platform:Corrections",
}
_OTHER_DECIMALS = {
    0: {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    },
    3: {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"},
    4: {"CLF", "UYW"},
}
_DECIMALS = {code: decimals for decimals, codes in _OTHER_DECIMALS.items() for code in codes}
"""ISO 4217: how many digits a minor unit has, where it is not two."""

Sums = dict[tuple[str, str], int]


class Format(StrEnum):
    """What an export is written in; names as in `freehold.deposits.v1.ExportFormat`."""

    CSV = "CSV"
    BEANCOUNT = "BEANCOUNT"


class Exporting:
    """Writes what a caller may see, part by part."""

    def __init__(self, reading: LedgerReading) -> None:
        self._reading = reading

    async def export(
        self, caller: Caller, whose: Owned, first: date, after: date, written_in: Format
    ) -> AsyncIterator[bytes]:
        """The entries of [first, after), in the order booked. Raises INVALID_FIELD."""
        selection = Selection(*span(first, after))
        if written_in is Format.CSV:
            yield _lines([COLUMNS])
            async for part in self._reading.every_transfer(caller, whose, selection):
                yield _lines(row for one in part for row in _rows(one))
            return
        statement = await self._reading.statement(caller, whose, first, after)
        sums = dict(statement.opening)
        yield _beginning(statement.whose, first, after, sums).encode()
        async for part in self._reading.every_transfer(caller, statement.whose, selection):
            for one in part:
                _add(sums, one)
            yield "\n".join(_transaction(one) for one in part).encode() + b"\n"
        yield _end(after, sums).encode()


def _lines(rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _rows(one: Listed) -> Iterator[tuple[object, ...]]:
    moment = (one.booked_on.isoformat(), one.occurred_at.isoformat())
    whose = (one.deposit_id, one.renter_id, one.partner_id)
    for entry in one.entries:
        what = (one.kind.value, one.corrects, entry.account.value, one.currency, entry.amount_minor)
        yield (one.transfer_id, *moment, *whose, *what)


def _beginning(whose: Owned, first: date, after: date, opening: Mapping[tuple[str, str], int]) -> str:
    lines = [f'option "title" "Freehold, {whose.partner_id or whose.renter_id}, {first} to before {after}"']
    lines += [f"{first} open {name}" for name in _NAMES.values()]
    moved = {key: amount for key, amount in opening.items() if amount}
    if moved:
        lines += ["", f'{first} * "Opening balances"', *(_posting(*key, amount) for key, amount in moved.items())]
    return "\n".join(lines) + "\n\n"


def _transaction(one: Listed) -> str:
    lines = [f'{one.booked_on} * "{one.kind}"', f'  transfer: "{one.transfer_id}"', f'  deposit: "{one.deposit_id}"']
    lines += [f'  renter: "{one.renter_id}"', f'  occurred: "{one.occurred_at.isoformat()}"']
    lines += [f'  corrects: "{one.corrects}"'] if one.corrects else []
    lines += [_posting(entry.account, one.currency, entry.amount_minor) for entry in one.entries]
    return "\n".join(lines) + "\n"


def _end(after: date, closing: Mapping[tuple[str, str], int]) -> str:
    """Balance assertions: whoever loads the file has them checked."""
    return "".join(
        f"{after} balance {_NAMES[Account(account)]} {_amount(currency, amount)}\n"
        for (account, currency), amount in sorted(closing.items())
    )


def _posting(account: str, currency: str, amount_minor: int) -> str:
    return f"  {_NAMES[Account(account)]}  {_amount(currency, amount_minor)}"


def _amount(currency: str, amount_minor: int) -> str:
    decimals = _DECIMALS.get(currency, 2)
    whole, rest = divmod(abs(amount_minor), 10**decimals)
    digits = f"{whole}.{rest:0{decimals}}" if decimals else str(whole)
    return f"{'-' if amount_minor < 0 else ''}{digits} {currency}"


def _add(sums: Sums, one: Listed) -> None:
    for entry in one.entries:
        key = (entry.account.value, one.currency)
        sums[key] = sums.get(key, 0) + entry.amount_minor
