"""What would raise a score: the next better bin of each line, and how far the next band is."""

from __future__ import annotations

from dataclasses import dataclass

from services.scoring.domain.scorecard import BANDS, Assessment, Band, Characteristic, Direction, Line, Model


@dataclass(frozen=True, slots=True)
class Improvement:
    """One step of one characteristic: from the bin that a person is in to the next one that gives more points."""

    factor: str
    characteristic: str
    from_bin: str
    to_bin: str
    points: int


def improvements(model: Model, assessment: Assessment) -> tuple[Improvement, ...]:
    """The next step of each characteristic that has one, most points first (ties in the scorecard's order).

    Empty for an assessment by another version of the scorecard: its bins are not these.
    """
    if assessment.model_version != model.version:
        return ()
    known = {c.name: c for c in model.characteristics}
    own = (line for line in assessment.lines if line.characteristic in known)
    steps = (_next_step(known[line.characteristic], line) for line in own)
    return tuple(sorted((step for step in steps if step is not None), key=lambda step: -step.points))


def _next_step(characteristic: Characteristic, line: Line) -> Improvement | None:
    bins = characteristic.bins if characteristic.direction is Direction.UP else tuple(reversed(characteristic.bins))
    labels = [b.label for b in bins]
    if line.bin not in labels:
        return None
    better = next((b for b in bins[labels.index(line.bin) + 1 :] if b.points > line.points), None)
    if better is None:
        return None
    return Improvement(line.factor, line.characteristic, line.bin, better.label, better.points - line.points)


def next_band(score: int) -> tuple[Band, int] | None:
    """The band above, and how many points are missing; None in the best one."""
    above = [(least, band) for least, band in BANDS if least > score]
    if not above:
        return None
    least, band = min(above)
    return band, least - score
