"""What a person's copy says of sealed columns: what is in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.runtime.vault import TextVault
from services.scoring.store.rows import sealed_of

_SEALED = ("wrapped_key", "sealed", "key_version")
_NAMES = {
    "facts": ("case_number",),
    "statements": ("statement",),
    "disputes": ("statement", "reason"),
    "proofs": ("shown_to", "nonce"),
}


def shown(vault: TextVault) -> Callable[[str, str, dict[str, Any]], dict[str, Any]]:
    """Opens a row of a section of the copy."""

    def show(section: str, renter_id: str, row: dict[str, Any]) -> dict[str, Any]:
        if "sealed" not in row:
            return row
        opened = {name: value for name, value in row.items() if name not in _SEALED}
        if row["sealed"] is None:
            return opened
        return opened | dict(zip(_NAMES[section], vault.open_texts(renter_id, sealed_of(row)), strict=True))

    return show
