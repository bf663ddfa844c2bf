"""Alerts watch metrics that exist: what the rules name is what the services say when they are scraped."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
from town import Town

RULES = Path(__file__).parents[2] / "k8s" / "components" / "monitoring"
_METRIC = re.compile(r"\bfreehold_[a-z_]+\b")
_ONCE_IT_HAPPENED = {"freehold_breaker_opened_total"}
"""Counters appear with their first count."""


async def test_every_metric_of_the_rules_is_scraped(town: Town) -> None:
    texts = []
    async with aiohttp.ClientSession() as session:
        for doors in town.ready.services.values():
            async with session.get(f"http://{doors['metrics']}/metrics") as response:
                texts.append(await response.text())
    said = set(_METRIC.findall("\n".join(texts)))
    named = {
        name
        for file in RULES.glob("*.rules.yaml")
        for line in re.findall(r"expr: (.*)", file.read_text())
        for name in _METRIC.findall(line)
    }
    assert named
    assert named - said <= _ONCE_IT_HAPPENED


def test_every_runbook_exists() -> None:
    root = RULES.parents[2]
    for file in RULES.glob("*.rules.yaml"):
        for page, anchor in re.findall(r"runbook_url: ([^#\s]+)#(\S+)", file.read_text()):
            titles = re.findall(r"^## (.*)$", (root / page).read_text(), re.MULTILINE)
            assert anchor in {title.lower().replace(" ", "-") for title in titles}, file.name
