"""The table, and results/latest.json."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.rounds import Contestant, Figure, middle
from benchmarks.yardstick import Measured

CPU = "CPU µs per rental, by process"
LATEST = Path(__file__).parent / "results" / "latest.json"


def result(
    machine: dict[str, Any],
    freehold: Contestant,
    plain: Contestant,
    yardstick: list[Measured],
    alone: list[Measured],
    resident_mib: dict[str, float],
) -> dict[str, Any]:
    """Everything that was measured, and the ratios of the medians at the best number in flight each."""
    pgbench = median(m.per_second for m in yardstick)
    best = {who.name: max(_waived(who), key=lambda figure: figure.per_second) for who in (freehold, plain)}
    lone = next(figure for figure in _waived(freehold) if figure.in_flight == 1)
    return {
        "machine": machine,
        "start_rental": {
            "vs_pgbench": round(best[freehold.name].per_second / pgbench, 2),
            "vs_unary": round(best[freehold.name].per_second / best[plain.name].per_second, 2),
            "idle_latency_vs_pgbench": round(lone.p50_ms / median(m.latency_ms for m in alone), 2),
            "freehold": [_rounded(figure) for figure in _waived(freehold)],
            "unary_build": [_rounded(figure) for figure in _waived(plain)],
            "pgbench": {
                "clients": yardstick[0].clients,
                "per_second": round(pgbench, 1),
                "lone_latency_ms": round(median(m.latency_ms for m in alone), 2),
            },
        },
        "mix": [_rounded(middle(figures)) for label, figures in freehold.figures.items() if label.startswith("mix")],
        "resident_mib": resident_mib,
    }


def show(console: Console, measured: dict[str, Any]) -> None:
    """Prints the table."""
    start = measured["start_rental"]
    table = Table(title="durable StartRental, all waived; timed until the outbox is empty")
    for name in ("build", "in flight", "per second", "p50 ms", "p99 ms", CPU):
        table.add_column(name, justify="left" if name in ("build", CPU) else "right")
    for build, figures in (("Freehold", start["freehold"]), ("plain unary build", start["unary_build"])):
        for figure in figures:
            table.add_row(build, *_cells(figure))
    for figure in measured["mix"]:
        table.add_row("Freehold, 20 % held", *_cells(figure))
    pgbench = start["pgbench"]
    table.add_row("pgbench, same rows", str(pgbench["clients"]), f"{pgbench['per_second']:.0f}", "", "", "")
    console.print(table)
    console.print(f"start_rental.vs_pgbench = {start['vs_pgbench']}   start_rental.vs_unary = {start['vs_unary']}")
    console.print(f"a lone StartRental takes {start['idle_latency_vs_pgbench']} times a lone pgbench client's")
    for name in ("check_renters", "register_renters", "admittance", "facts"):
        console.print(f"{name}: {json.dumps(measured[name])}")
    show_ledger(console, measured["ledger"])
    console.print(f"resident MiB: {measured['resident_mib']}")
    console.print(f"machine: {measured['machine']}")


def show_ledger(console: Console, ledger: dict[str, Any]) -> None:
    """Prints the ledger's table; the client is our Python, or pgbench."""
    table = Table(title="two-phase holds; timed until partners' days are rolled up")
    for name in ("partners", "build", "in flight", "per second", "client CPU µs", "PostgreSQL CPU µs", "WAL bytes"):
        table.add_column(name, justify="left" if name in ("partners", "build") else "right")
    for name, label in (("partners_spread", "spread"), ("one_partner", "one")):
        part = ledger[name]
        for figure in part["freehold"]:
            table.add_row(label, "Freehold", str(figure["in_flight"]), *_costs(figure))
        table.add_row(label, "pgbench, one function", str(part["pgbench"]["clients"]), *_costs(part["pgbench"]))
    console.print(table)
    for name in ("partners_spread", "one_partner"):
        part = ledger[name]
        console.print(f"ledger.{name}.vs_pgbench_function = {part['vs_pgbench_function']}   wanted: {part['wanted']}")


def write(measured: dict[str, Any]) -> None:
    """Writes results/latest.json."""
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(measured, indent=1) + "\n")


def _waived(who: Contestant) -> list[Figure]:
    return [middle(figures) for label, figures in who.figures.items() if label.startswith("waived")]


def _rounded(figure: Figure) -> dict[str, Any]:
    values = asdict(figure)
    values["cpu_us"] = {name: round(us) for name, us in figure.cpu_us.items()}
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in values.items()}


def _cells(figure: dict[str, Any]) -> list[str]:
    cpu = ", ".join(f"{name} {us}" for name, us in figure["cpu_us"].items() if us >= 1)
    return [
        str(figure["in_flight"]),
        f"{figure['per_second']:.0f}",
        f"{figure['p50_ms']:.1f}",
        f"{figure['p99_ms']:.1f}",
        cpu,
    ]


def _costs(figure: dict[str, Any]) -> list[str]:
    return [f"{figure[name]:.0f}" for name in ("per_second", "client_us", "postgres_us", "wal_bytes")]
