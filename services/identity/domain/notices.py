"""Texts that tell a person that there is something to read. A phone may lie open on a table: they say no more."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class News(StrEnum):
    """What there is to read; the names are those of `freehold.identity.v1.NewsKind`."""

    DISPUTE_ENDED = "DISPUTE_ENDED"
    RECORD_ADDED = "RECORD_ADDED"


TEXTS: Mapping[News, str] = {
    News.DISPUTE_ENDED: (
        "Freehold: your dispute has been decided. Read the reasons in your app. 您的异议已有处理结果，请在应用中查看。"
    ),
    News.RECORD_ADDED: (
        "Freehold: a record about you was taken in. Read it in your app; if it is wrong, dispute it there. "
        "系统新收录了一条与您有关的记录，请在应用中查看；如有错误，可提出异议。"
    ),
}
"""In English and Chinese."""
