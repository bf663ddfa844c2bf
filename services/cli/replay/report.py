"""The end of a demo: what happened, what is on the books, and whether it holds; as tables, or as one line of JSON."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table

from services.cli.replay.closing import Closing
from services.cli.replay.tally import Tally
from services.cli.seeding import City


def findings(closing: Closing, tally: Tally, city: City) -> list[str]:
    """Everything that is not as it must be, one line each."""
    return [
        *(f"not so: {text}" for text, holds in closing.checks() if not holds),
        *closing.ledger.findings,
        *(f"rental lost: {rental_id}" for rental_id in closing.lost),
        *tally.surprises(city.renters),
        *tally.problems,
    ]


def as_json(closing: Closing, seconds: float) -> str:
    """One line: `rentals` is `waived` + `held`; `cannot_assess` is part of `held` or `declined`."""
    return json.dumps(
        {
            "rentals": closing.waived + closing.held,
            "waived": closing.waived,
            "held": closing.held,
            "cannot_assess": closing.cannot_assess,
            "declined": len(closing.declined),
            "captured_minor": sum(deposit.captured_minor for deposit in closing.deposits),
            "released_minor": sum(deposit.released_minor for deposit in closing.deposits),
            "ledger_balanced": closing.ledger.balanced,
            "open_holds": closing.ledger.open_holds,
            "seconds": round(seconds, 1),
        }
    )


def show(console: Console, closing: Closing, tally: Tally, city: City, seconds: float) -> None:
    """The tables."""
    console.print(_outcomes(closing, tally, seconds))
    console.print(_cases(tally, city))
    console.print(_accounts(closing))
    for text, holds in closing.checks():
        console.print(f"[green]✓[/] {text}" if holds else f"[red]✗ {text}[/]")
    for finding in findings(closing, tally, city):
        console.print(finding, style="red", markup=False)


def _outcomes(closing: Closing, tally: Tally, seconds: float) -> Table:
    table = Table("what", "how many", title=f"one day, in {seconds:.0f} seconds")
    table.columns[1].justify = "right"
    kept = closing.deposits
    rows = [
        ("rentals", closing.waived + closing.held),
        ("  deposit waived", closing.waived),
        ("  deposit held", closing.held),
        ("card declined, no rental", len(closing.declined)),
        ("could not be assessed (held or declined)", closing.cannot_assess),
        ("turned away (not verified, no card)", tally.refused.total()),
        ("cancelled: not active in time", tally.cancelled),
    ]
    for what, count in rows:
        table.add_row(what, f"{count:,}")
    table.add_row("captured from holds", _yuan(sum(deposit.captured_minor for deposit in kept)))
    table.add_row("released to renters", _yuan(sum(deposit.released_minor for deposit in kept)))
    return table


def _cases(tally: Tally, city: City) -> Table:
    table = Table("who", "first rental had to be", "and was", title="people whose outcome is known beforehand")
    for renter in city.renters:
        if not renter.case.startswith(("regular_", "newcomer_", "private_")):
            table.add_row(renter.case, renter.expected, tally.first_outcomes.get(renter.case, "did not ride"))
    return table


def _accounts(closing: Closing) -> Table:
    table = Table("account", "debits", "credits", "balance", title="ledger")
    for column in table.columns[1:]:
        column.justify = "right"
    for total in closing.ledger.accounts:
        table.add_row(total.account, _yuan(total.debits_minor), _yuan(total.credits_minor), _yuan(total.balance_minor))
    return table


def _yuan(minor: int) -> str:
    sign = "-" if minor < 0 else ""
    return f"{sign}¥{abs(minor) // 100:,}.{abs(minor) % 100:02}"
