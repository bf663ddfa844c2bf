"""What a demo shows while it runs: a moving picture on a terminal, a line every two hours elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.cli.replay.day import HOURS, Day
from services.cli.replay.demand import hourly_rides
from services.cli.replay.tally import Tally

FRAME_SECONDS = 0.1
LINE_EVERY_HOURS = 2
_BLOCKS = " ▁▂▃▄▅▆▇█"


async def follow(console: Console, day: Day, tally: Tally) -> None:
    """Shows the day until it is cancelled."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            await _every(FRAME_SECONDS, lambda: live.update(_picture(day.hour, tally), refresh=True))
    else:
        lines = _Lines(console, day, tally)
        await _every(FRAME_SECONDS, lines.tell)


async def _every(seconds: float, show: Callable[[], None]) -> None:
    while True:
        show()
        await asyncio.sleep(seconds)


class _Lines:
    """One line whenever two more hours have passed."""

    def __init__(self, console: Console, day: Day, tally: Tally) -> None:
        self._console, self._day, self._tally, self._next = console, day, tally, LINE_EVERY_HOURS

    def tell(self) -> None:
        while self._day.hour >= self._next:
            t = self._tally
            counts = f"waived {t.waived:4}  held {t.held:4}  declined {t.declined:3}  riding now {t.riding:3}"
            self._console.print(f"{self._next:02}:00  rentals {t.rentals:4}  {counts}")
            self._next += LINE_EVERY_HOURS


def _picture(hour: float, tally: Tally) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row(f"[bold]{int(hour):02}:{int(hour % 1 * 60):02}[/]", _curve(hour))
    table.add_row("", f"rentals [bold]{tally.rentals}[/]   riding now {tally.riding}")
    table.add_row(
        "",
        f"[green]waived {tally.waived}[/]   [yellow]held {tally.held}[/]   [red]declined {tally.declined}[/]",
    )
    return table


def _curve(hour: float) -> str:
    """The day's demand, the part that has passed in colour."""
    counts = hourly_rides()
    bars = [_BLOCKS[round(count / max(counts) * (len(_BLOCKS) - 1))] * 2 for count in counts]
    passed = min(int(hour), int(HOURS))
    return f"[cyan]{''.join(bars[:passed])}[/][dim]{''.join(bars[passed:])}[/]"
