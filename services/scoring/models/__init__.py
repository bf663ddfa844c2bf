"""The scorecards that come with the service, and those that its operator adds: each file is checked whole when read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from services.scoring.calibrations import read_panel
from services.scoring.domain import Model, ModelError, load_model

DEFAULT_SCORECARD = "general-1"


def read_model(name: str) -> Model:
    """The scorecard of that name, with our bureaus; raises ModelError, BureauError or FileNotFoundError."""
    return _served((resources.files(__name__) / f"{name}.json").read_text(encoding="utf-8"))


def read_models(folder: Path | None = None) -> Mapping[str, Model]:
    """Every scorecard that can be served, by version, with our bureaus: ours, and those of a folder.

    Raises:
        ModelError: naming the file and every fault, or a version that is there twice.
        BureauError: the same of our bureaus.
    """
    if folder is not None and not folder.is_dir():
        raise ModelError(f"{folder}: no such folder of scorecards")
    files: list[Traversable] = [file for file in resources.files(__name__).iterdir() if file.name.endswith(".json")]
    files += sorted(folder.glob("*.json")) if folder is not None else []
    found: dict[str, Model] = {}
    for file in files:
        try:
            model = _served(file.read_text(encoding="utf-8"))
        except ModelError as error:
            raise ModelError(f"{file.name}: {error}") from None
        if model.version in found:
            raise ModelError(f"{file.name}: there is another scorecard with version {model.version}")
        found[model.version] = model
    return found


def _served(text: str) -> Model:
    """Bureaus are merged with every scorecard alike."""
    return replace(load_model(text), panel=read_panel())
