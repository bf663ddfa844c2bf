"""What a person who fits can mend."""

from __future__ import annotations


class FittingError(Exception):
    """The data or the options do not allow what was asked; the message says why."""
