"""The page of assets in docs/states: every step between their states, as a diagram. Written by .ci/state_pages.py."""

from __future__ import annotations

from services.rental.domain.assets import AssetState
from services.rental.domain.fleet.states import STEPS


def fleet_page() -> str:
    """Markdown, with the diagram in Mermaid."""
    order = list(AssetState)
    steps = [(before, after, step) for step, ways in STEPS.items() for before, after in ways.items()]
    steps.sort(key=lambda each: (order.index(each[0]), order.index(each[1])))
    lines = "\n".join(f"    {before} --> {after}: {step.lower()}" for before, after, step in steps)
    return (
        "# Assets\n\nMade from `services/rental/domain/fleet/states.py`, where each step has the name of its event in"
        f" MDS; do not edit.\n\n```mermaid\nstateDiagram-v2\n    [*] --> {AssetState.AVAILABLE}\n{lines}\n```\n"
    )
