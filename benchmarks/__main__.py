"""`make bench`: interleaved rounds, a table, results/latest.json; exit 0 only if the books are right afterwards."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import uvloop
from rich.console import Console

from benchmarks import report
from benchmarks.books import Books
from benchmarks.houses import freehold, plain_build, resident
from benchmarks.ledger import ledger
from benchmarks.machine import describe
from benchmarks.people import check_renters, register_renters
from benchmarks.population import ASSETS
from benchmarks.rounds import Contestant
from benchmarks.scores import admittance, facts
from benchmarks.scratch import scratch
from benchmarks.yardstick import Measured, pgbench
from services.cli.databases import remove_home
from services.cli.home import Home

IN_FLIGHT = (1, 16, 64, 256)
CLIENTS = (4, 8, 16, 24)
MIX_IN_FLIGHT = 64


class Yardstick:
    """pgbench on its scratch database, with the number of clients that serves it best."""

    def __init__(self, home: Path, partner_id: str, seconds: int) -> None:
        self._home, self._partner_id, self._seconds = home, partner_id, seconds
        self._base = 0
        self._clients = CLIENTS[0]
        self.best: list[Measured] = []
        self.alone: list[Measured] = []

    async def choose(self) -> None:
        """Finds the best number of clients."""
        tried = [await self._run(clients) for clients in CLIENTS]
        self._clients = max(tried, key=lambda measured: measured.per_second).clients

    async def measure(self) -> None:
        """One run with the best number of clients, one with a single client."""
        self.best.append(await self._run(self._clients))
        self.alone.append(await self._run(1))

    async def _run(self, clients: int) -> Measured:
        if self._base > ASSETS * 0.9:
            raise RuntimeError("not enough assets for pgbench")
        measured = await pgbench(
            self._home, "yardstick", self._partner_id, clients=clients, base=self._base, seconds=self._seconds
        )
        self._base += measured.rentals * 2 + 10 * clients
        return measured


async def bench(console: Console, folder: Path, rounds: int, seconds: float) -> int:
    """Measures, reports, and checks the books; answers the exit code."""
    async with freehold(folder / "freehold") as (house, ready):
        await scratch(ready.home.path, "yardstick", house.names, b"")
        yardstick = Yardstick(ready.home.path, house.names.partner_id, max(1, round(seconds)))
        async with plain_build(folder / "plain", ready, house.names) as peers:
            ours = Contestant("Freehold", house, await Books.open(house.dsns))
            plain = Contestant("plain unary build", peers, await Books.open(peers.dsns))
            for who in (ours, plain):
                await who.measure("warm-up", 16, seconds)
            await yardstick.choose()
            for number in range(rounds):
                console.print(f"round {number + 1} of {rounds} …")
                for in_flight in IN_FLIGHT:
                    for who in (ours, plain):
                        figure = await who.measure(f"waived {in_flight}", in_flight, seconds)
                        console.print(f"  {who.name}, {in_flight} in flight: {figure.per_second:.0f}/s")
                await yardstick.measure()
                console.print(f"  pgbench: {yardstick.best[-1].per_second:.0f}/s")
                mixed = await ours.measure(f"mix {MIX_IN_FLIGHT}", MIX_IN_FLIGHT, seconds, mixed=True)
                console.print(f"  Freehold, 20 % held, {MIX_IN_FLIGHT} in flight: {mixed.per_second:.0f}/s")
            people = {
                "check_renters": await check_renters(house, ready, seconds),
                "register_renters": await register_renters(house, ready, seconds),
                "admittance": await admittance(house, ready, seconds),
            }
            measured = report.result(describe(), ours, plain, yardstick.best, yardstick.alone, resident(house))
            findings = [*await ours.books.findings(ours.acknowledged), *await plain.books.findings(plain.acknowledged)]
            people["facts"] = await facts(house, ready, seconds)
            people["ledger"] = await ledger(ready.home.path, ready.pids["postgres"], seconds)
            for who in (ours, plain):
                await who.books.close()
    measured |= {**people, "findings": [*findings, *people["ledger"]["findings"]]}
    report.show(console, measured)
    report.write(measured)
    for finding in measured["findings"]:
        console.print(f"not so: {finding}", style="red", markup=False)
    return 1 if measured["findings"] else 0


def main() -> int:
    """Reads the arguments and measures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each load lasts")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="freehold-bench-"))
    try:
        return uvloop.run(bench(Console(highlight=False), folder, arguments.rounds, arguments.seconds))
    finally:
        for home in ("freehold", "plain"):
            remove_home(Home(folder / home))
        folder.rmdir()


if __name__ == "__main__":
    sys.exit(main())
