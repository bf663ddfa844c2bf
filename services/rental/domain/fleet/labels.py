"""What an asset's label shows: a link that opens the partner's app at the asset, as text and as a QR code."""

from __future__ import annotations

import io
from enum import StrEnum

import segno


class LabelFormat(StrEnum):
    """How the QR code is drawn."""

    PNG = "PNG"
    SVG = "SVG"


def deep_link(link_prefix: str, code: str) -> str:
    """The link of an asset; the bare code for a partner that has named no prefix."""
    return f"{link_prefix}{code}"


def draw(link: str, label_format: LabelFormat) -> bytes:
    """A QR code of error correction M (15 % may be scratched), with its quiet zone; PNG has 8 pixels a module."""
    drawn = io.BytesIO()
    segno.make_qr(link, error="m").save(drawn, kind=label_format.lower(), scale=8)
    return drawn.getvalue()
