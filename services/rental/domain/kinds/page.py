"""The page of a kind in docs/states: its rules, and its state machine as a diagram. Written by .ci/state_pages.py."""

from __future__ import annotations

from datetime import timedelta

from services.rental.domain.kinds.kind import Contact, Kind
from services.rental.domain.states import RentalState, Step


def page_of(kind: Kind) -> str:
    """Markdown, with the diagram in Mermaid; the same for the same kind."""
    rules = "\n".join(f"| {name} | {says} |" for name, says in _rules(kind))
    steps = "\n".join(
        f"    {before} --> {after}: {step.lower()}"
        for (before, step), after in sorted(kind.machine.items(), key=_place)
    )
    return (
        f"# {kind.title}\n\nMade from `services/rental/domain/kinds/{kind.asset_kind.lower()}.py`; "
        f"do not edit.\n\n| | |\n|---|---|\n{rules}\n\n"
        f"```mermaid\nstateDiagram-v2\n    [*] --> {RentalState.REQUESTED}\n{steps}\n```\n"
    )


def _rules(kind: Kind) -> list[tuple[str, str]]:
    silent = "bought" if kind.silence.then is Step.LOSE else "over, and nothing is charged"
    return [
        ("returned to", kind.returned_to),
        ("priced by", kind.priced_by),
        ("overdue, and late when it comes back, after", _span(kind.late_after)),
        (f"{silent}, after", _span(kind.silence.after)),
        ("costs at most, fare and purchase together", f"{kind.total_minor / 100:,.2f}"),
        ("can be reserved for", _span(kind.reserve_for) if kind.reserve_for else "no time"),
        ("a silent device is not contactable, then missing, after", _patience(kind.contact)),
    ]


def _patience(contact: Contact | None) -> str:
    return f"{_span(contact.silent_after)}, {_span(contact.missing_after)}" if contact else "(it has none)"


def _span(time: timedelta) -> str:
    minutes = time // timedelta(minutes=1)
    for unit, size in (("days", 24 * 60), ("hours", 60)):
        if minutes % size == 0 and minutes > size:
            return f"{minutes // size} {unit}"
    return f"{minutes // 60} hours" if minutes % 60 == 0 else f"{minutes} minutes"


def _place(entry: tuple[tuple[RentalState, Step], RentalState]) -> tuple[int, int]:
    (before, step), _ = entry
    return list(RentalState).index(before), list(Step).index(step)
