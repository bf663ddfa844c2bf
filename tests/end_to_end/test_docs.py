"""What the documents say is so: links lead somewhere, commands run, names exist."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest
from town import Town

from freehold.errors.v1 import error_reason_pb2
from services.cli.home import SERVICES, Ports
from services.deposits.app import Settings as DepositsSettings
from services.deposits.domain.ledger.auditing import What
from services.identity.app import Settings as IdentitySettings
from services.scoring.app import Settings as ScoringSettings
from services.scoring.models import read_models

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "protos" / "README.md"]
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
_SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_REASON = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)`")
_STATES = re.compile(
    r"^(?:IN_REVIEW|RESIDENT_ID_CARD|\w+_PERMIT|FOREIGN_\w+|\w+_CHECKED|NOT_ADMITTED|CANNOT_ASSESS|CONSENT_PURPOSE_\w+|NOT_SERVING|DEPOSIT_STATE_\w+)$"
)
_CODES = {"INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION", "ALREADY_EXISTS"}
_CODES |= {"RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []


async def test_the_first_call_of_the_readme_works(town: Town, tmp_path: Path) -> None:
    (tmp_path / ".freehold").symlink_to(town.ready.home.path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (commands,) = [block for block in _SHELL.findall((ROOT / "README.md").read_text()) if "buf curl" in block]
    commands = commands.replace("127.0.0.1:7130", town.ready.public["rental"])
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-euc", commands), cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    answered, complained = await asyncio.wait_for(shell.communicate(), 60)
    assert shell.returncode == 0, complained.decode()
    rental = json.loads(answered)["rental"]
    assert rental["depositState"] == "DEPOSIT_STATE_WAIVED"
    assert rental["state"] == "RENTAL_STATE_ACTIVE"
    await town.end(rental["rentalId"])


async def test_the_doctor_finds_a_running_house_well(town: Town) -> None:
    arguments = ["doctor", "--home", str(town.ready.home.path), "--quiet"]
    doctor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", *arguments), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asyncio.wait_for(doctor.communicate(), 60)
    assert (doctor.returncode, told) == (0, b"")


def test_settings_and_ports_are_those_of_the_operations_page() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    table = text[text.index("| variable |") : text.index("Identity also needs")]
    named = re.findall(r"`([A-Z_]+)`", table)
    fields = {name.upper() for name in IdentitySettings.model_fields}
    assert set(named) <= fields | {"DEPOSITS_ADDRESS", "IDENTITY_ADDRESS", "RENTAL_ADDRESS"}
    rest = text[text.index("Identity also needs") : text.index("Migrations are applied")]
    also = set(re.findall(r"`([A-Z_]+)`", rest))
    others = [*DepositsSettings.model_fields, *ScoringSettings.model_fields]
    assert also <= fields | {name.upper() for name in others}
    for door in ("public", "internal", "health", "metrics"):
        line = next(line for line in text.splitlines() if line.startswith(f"| {door}"))
        offsets = [int(cell) for cell in line.split("|")[2:-1]]
        assert offsets == [getattr(Ports(0).doors(service), door) for service in SERVICES]


@pytest.mark.parametrize("page", ["docs/apps.md", "docs/partners.md", "docs/operations.md"])
def test_error_reasons_exist(page: str) -> None:
    known = {name.removeprefix("ERROR_REASON_") for name, _ in error_reason_pb2.ErrorReason.items()}
    text = (ROOT / page).read_text()
    reasons = {r for r in _REASON.findall(text) if not _STATES.match(r)} - _CODES
    assert reasons - _settings() - known - _of_scores() - set(What) == set()


def _of_scores() -> set[str]:
    """Why somebody was not admitted, or could not be assessed; explained whole in docs/partners.md."""
    lost = {c.reason.code for model in read_models().values() for c in model.characteristics}
    return lost | {
        "OUTSIDE_SCORE_LOWER",
        "TOO_FEW_FACTS",
        "NO_SCORING_CONSENT",
        "SCORING_UNAVAILABLE",
        "EXPOSURE_CAP_REACHED",
        "BAD_RECORD",
        "ASSURANCE_TOO_LOW",
    }


def _settings() -> set[str]:
    fields = {
        *IdentitySettings.model_fields,
        *DepositsSettings.model_fields,
        *ScoringSettings.model_fields,
        "rental_address",
    }
    return {name.upper() for name in fields}
