"""Attributes that no scorecard may use, recognised by the name of a column or characteristic.

A name is all that is looked at: it stops an oversight, not somebody who renames a column (docs/models.md).
"""

from __future__ import annotations

import re
import unicodedata

_WORDS = {
    "sex": ("sex", "male", "female"),
    "age": ("age", "ages", "dob"),
    "nationality": ("country", "citizen"),
    "region": ("city", "county", "district", "zip"),
    "ethnicity": ("race", "racial"),
    "religion": ("faith",),
}
"""Short words: they count when they stand alone, for `mileage` and `capacity` are nobody's age or city."""

_PARTS = {
    "birthplace": ("birthplace", "place_of_birth", "出生地"),
    "sex": ("gender", "性别"),
    "age": ("birth", "年龄", "出生"),
    "marital status": ("marital", "marriage", "married", "divorce", "spouse", "婚"),
    "nationality": ("nationality", "citizenship", "foreign", "immigra", "国籍", "外籍"),
    "region": (
        "region",
        "province",
        "prefecture",
        "hometown",
        "hukou",
        "postcode",
        "zipcode",
        "地区",
        "省份",
        "籍贯",
        "户籍",
    ),
    "ethnicity": ("ethnic", "民族", "种族"),
    "religion": ("religio", "宗教", "信仰"),
}
"""Long ones count anywhere in a name; the first that fits names the attribute."""

_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def protected_attribute(name: str) -> str | None:
    """The protected attribute that a name speaks of, None when it speaks of none (they never enter a model)."""
    plain = unicodedata.normalize("NFKC", name)
    words, whole = {word.lower() for word in _SPLIT.findall(plain)}, plain.lower()
    if {"personal", "status"} <= words:
        return "marital status"
    by_word = (attribute for attribute, known in _WORDS.items() if words & set(known))
    by_part = (attribute for attribute, known in _PARTS.items() if any(part in whole for part in known))
    return next(by_word, None) or next(by_part, None)
