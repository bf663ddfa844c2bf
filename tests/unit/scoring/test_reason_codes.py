"""The reasons that partners may see are those of the page for partners: each code of each scorecard, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from services.deposits.domain.policies import (
    ASSURANCE_TOO_LOW,
    EXPOSURE_CAP_REACHED,
    NO_SCORING_CONSENT,
    SCORING_UNAVAILABLE,
)
from services.scoring.domain.admittance import BAD_RECORD, TOO_FEW_FACTS
from services.scoring.domain.scorecard import LOWER_ELSEWHERE
from services.scoring.models import read_models

PAGE = Path(__file__).parents[3] / "docs" / "partners.md"
_CODE = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)`")


def test_the_page_for_partners_explains_every_reason() -> None:
    text = PAGE.read_text(encoding="utf-8")
    part = text[text.index("## What a reason means") : text.index("When a fact about a person is put right")]
    rows = [line for line in part.splitlines() if line.startswith("| `")]
    explained = {code for row in rows for code in _CODE.findall(row.split("|")[1])}
    codes = {c.reason.code for model in read_models().values() for c in model.characteristics}
    assert explained == codes | {
        LOWER_ELSEWHERE.code,
        NO_SCORING_CONSENT,
        TOO_FEW_FACTS,
        SCORING_UNAVAILABLE,
        EXPOSURE_CAP_REACHED,
        ASSURANCE_TOO_LOW,
        BAD_RECORD,
    }
