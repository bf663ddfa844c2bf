"""The bureaus that come with the service: a calibration each, and the panel that weighs them; checked when read."""

from __future__ import annotations

import functools
from importlib import resources

from services.scoring.domain import BureauError, Calibration, Panel, load_calibration, load_panel

PANEL = "panel.json"


@functools.cache
def read_panel() -> Panel:
    """The panel; raises BureauError naming the file and every fault."""
    calibrations: dict[str, Calibration] = {}
    for file in resources.files(__name__).iterdir():
        if file.name.endswith(".json") and file.name != PANEL:
            try:
                one = load_calibration(file.read_text(encoding="utf-8"))
            except BureauError as error:
                raise BureauError(f"{file.name}: {error}") from None
            calibrations[one.bureau] = one
    try:
        return load_panel((resources.files(__name__) / PANEL).read_text(encoding="utf-8"), calibrations)
    except BureauError as error:
        raise BureauError(f"{PANEL}: {error}") from None
