"""From a fit to a file that serving reads: points with labels, reasons, and the record of the training."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from services.scoring.domain.faults import FACTORS
from services.scoring.domain.scorecard import (
    HIGHEST,
    LOWEST,
    Bin,
    Characteristic,
    Group,
    Missing,
    Model,
    Reason,
)
from services.scoring.domain.training import Training
from services.scoring.fitting.arrays import Ints
from services.scoring.fitting.bins import Binned
from services.scoring.fitting.training import Fitted

UNASSIGNED = "behaviour"
"""The factor of a characteristic about which no other scorecard says anything."""


def scorecard_of(
    fitted: Fitted, version: str, minimum_experience: int, training: Training, like: Model | None
) -> Model:
    """The scorecard of a fit.

    Args:
        like: a scorecard whose factors, rationales and reasons characteristics of the same name take over. What it has
            and the fit left out stays in, with one bin of no points.
    """
    known = {c.name: c for c in like.characteristics} if like else {}
    made = {b.name: _characteristic(b, p, known.get(b.name)) for b, p in zip(fitted.binned, fitted.points, strict=True)}
    kept = {name: made.get(name) or _without_points(c) for name, c in known.items()}
    characteristics = tuple({**kept, **made}.values())
    factors = like.factors if like else _factors(characteristics)
    return Model(version, fitted.base_points, minimum_experience, characteristics, factors, training, fitted.scaling)


def _factors(characteristics: tuple[Characteristic, ...]) -> dict[str, str]:
    used = {c.factor for c in characteristics}
    return {name: "As fitted." if name in used else "Nothing in this scorecard." for name in sorted(FACTORS)}


def _without_points(characteristic: Characteristic) -> Characteristic:
    return replace(
        characteristic,
        bins=tuple(replace(b, points=0, label="any") for b in characteristic.bins[:1]),
        groups=tuple(replace(group, points=0) for group in characteristic.groups),
        missing=Missing(0, "missing"),
    )


def _characteristic(binned: Binned, points: Ints, known: Characteristic | None) -> Characteristic:
    words = binned.name.replace("_", " ")
    code = re.sub(r"\W+", "_", binned.name).strip("_").upper()
    return Characteristic(
        binned.name,
        known.factor if known else UNASSIGNED,
        binned.direction,
        known.rationale if known else f"Its information value in the training data is {binned.value:.3f}.",
        known.reason if known else Reason(code, f"You lost points for: {words}.", f"以下项目失分：{words}。"),
        tuple(Bin(start, int(points[i]), _label(binned, i)) for i, start in enumerate(binned.starts)),
        tuple(Group(values, int(points[i]), "; ".join(values)) for i, values in enumerate(binned.groups)),
        Missing(int(points[-1]), "missing"),
        binned.decimals,
    )


def _label(binned: Binned, place: int) -> str:
    """The range of a bin in words: "below 9", "9 to below 12", "48 or more"."""
    edges = [f"{Decimal(start).scaleb(-binned.decimals):f}" for start in binned.starts]
    if len(edges) == 1:
        return "any"
    if place == 0:
        return f"below {edges[1]}"
    return f"{edges[place]} or more" if place == len(edges) - 1 else f"{edges[place]} to below {edges[place + 1]}"


def to_text(model: Model) -> str:
    """The file of a scorecard; `load_scorecard` gives the same scorecard again."""
    raw: dict[str, Any] = {
        "version": model.version,
        "base_points": model.base_points,
        "minimum_experience": model.minimum_experience,
        "valid_range": {"lowest": LOWEST, "highest": HIGHEST},
    }
    if model.scaling is not None:
        scaling = model.scaling
        raw["scaling"] = {"base_score": scaling.base_score, "base_odds": scaling.base_odds, "pdo": scaling.pdo}
    training = model.training
    raw["training"] = {"method": training.method, "rationale": training.rationale, **training.record}
    raw["factors"] = dict(model.factors)
    raw["characteristics"] = [_raw_characteristic(c) for c in model.characteristics]
    return json.dumps(raw, ensure_ascii=False, indent=2) + "\n"


def _raw_characteristic(characteristic: Characteristic) -> Mapping[str, Any]:
    reason, missing = characteristic.reason, characteristic.missing
    raw: dict[str, Any] = {
        "name": characteristic.name,
        "factor": characteristic.factor,
        "direction": characteristic.direction,
        "rationale": characteristic.rationale,
        "reason": {"code": reason.code, "en": reason.text_en, "zh": reason.text_zh},
    }
    if characteristic.decimals:
        raw["decimals"] = characteristic.decimals
    if characteristic.bins:
        raw["bins"] = [{"from": b.at_least, "points": b.points, "label": b.label} for b in characteristic.bins]
    if characteristic.groups:
        raw["groups"] = [
            {"values": list(g.values), "points": g.points, "label": g.label} for g in characteristic.groups
        ]
    if missing is not None:
        raw["missing"] = {"points": missing.points, "label": missing.label}
    return raw
