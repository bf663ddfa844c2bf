"""The commands of the pages for apps, for partners, on privacy and on scores, run as a reader would run them."""

from __future__ import annotations

import asyncio
import re
import sys
import zipfile
from pathlib import Path

from beancount import loader
from town import Town

ROOT = Path(__file__).parents[2]
_SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


async def test_from_sign_up_to_the_first_rental_to_a_copy_to_oblivion(town: Town, tmp_path: Path) -> None:
    (tmp_path / ".freehold").symlink_to(town.ready.home.path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    riding, paying = _SHELL.findall((ROOT / "docs" / "apps.md").read_text())
    copying, erasing = _SHELL.findall((ROOT / "docs" / "privacy.md").read_text())
    hiring = "".join(_SHELL.findall((ROOT / "docs" / "partners.md").read_text()))
    told = await _run(riding + paying + hiring + copying + erasing, tmp_path)
    assert "STAFF_STATE_ACTIVE" in told
    assert "max@bikes.example" in told
    assert '"rulingReason": "seen and agreed"' in told
    assert "ADMITTANCE_OUTCOME_CANNOT_ASSESS" in told
    assert "ERASURE_STATE_ERASED" in told
    assert '"receipt"' in told
    assert '"amountMinor": "-30"' in told, "a fifth of the base price, by the pass"
    assert '"totalCapReached": true' in told, "a week with a power bank"
    names = set(zipfile.ZipFile(tmp_path / "my-data.zip").namelist())
    assert names == {"manifest.json", "identity.json", "scoring.json", "deposits.json", "rental.json"}


async def test_a_partner_reads_its_books_and_an_operator_verifies_them(town: Town, tmp_path: Path) -> None:
    (tmp_path / ".freehold").symlink_to(town.ready.home.path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    renter = await town.new_person(score=600)
    await town.end((await town.start(renter.renter_id, await town.new_bike())).rental_id)
    riding, _ = _SHELL.findall((ROOT / "docs" / "apps.md").read_text())
    definitions, _, _ = riding.partition("\nrenter=")
    reading = [
        block for block in _SHELL.findall((ROOT / "docs" / "partners.md").read_text()) if "GetStatement" in block
    ]
    verifying = [block for block in _SHELL.findall((ROOT / "docs" / "operations.md").read_text()) if "verify" in block]
    told = await _run("\n".join([definitions, *reading, *verifying]), tmp_path)
    assert "LEDGER_ACCOUNT_PARTNER_PAYABLE" in told
    assert "balance Liabilities:Renters:DepositsHeld" in told
    assert ": 0 findings" in told
    _, errors, _ = loader.load_file(str(tmp_path / "books.beancount"))
    assert errors == []


async def test_a_person_reads_their_score_and_disputes_what_is_wrong(town: Town, tmp_path: Path) -> None:
    (tmp_path / ".freehold").symlink_to(town.ready.home.path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    reading, linking, disputing, showing = _SHELL.findall((ROOT / "docs" / "score.md").read_text())
    told = await _run(reading + linking + disputing + showing, tmp_path)
    assert '"thresholdsMissed"' in told or '"points"' in told
    assert "BUREAU_STATE_FRESH" in told
    assert '"characteristic": "bureau_north"' in told
    assert "DISPUTE_STATE_OPEN" in told
    assert "DISPUTE_STATE_UPHELD" in told
    assert "good: the score lay above 650" in told


async def test_a_scorecard_is_tried_promoted_and_taken_back(town: Town, tmp_path: Path) -> None:
    (tmp_path / ".freehold").symlink_to(town.ready.home.path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    page = (ROOT / "docs" / "models.md").read_text()
    trying, promoting = _SHELL.findall(page[page.index("## Put into service") : page.index("## How good it is")])
    back = "until call GetScorecards '{}' | latest | grep finishedAt; do sleep 1; done"
    told = await _run(trying + promoting + back, tmp_path)
    assert '"challenger": "bike-1"' in told
    assert '"champion": "bike-1"' in told
    assert '"champion": "general-1"' in told


async def _run(commands: str, folder: Path) -> str:
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-euc", commands), cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    told, complained = await asyncio.wait_for(shell.communicate(), 240)
    assert shell.returncode == 0, complained.decode()
    return told.decode()
