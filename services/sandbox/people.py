"""Invented people with documents that are right in form, the same on every machine: whom the ID registry knows.

`person(index)` is computed, not listed. Its resident ID number (GB 11643: region, birth date, order code with the sex
in its last digit, check digit MOD 11-2) encodes the index, so that `find(number)` is computed back from the number.
Nobody here is real; whoever has one of these numbers or phones has it by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from hashlib import blake2b

KNOWN = 100_000
"""The registry knows person(0) to person(KNOWN - 1)."""

# Regions that kept their code through all these years.
# fmt: off
_REGIONS = (
    "110102", "110106", "110107", "110108", "110109", "120102", "120103", "120104", "120105", "120106",
    "140121", "140122", "150121", "210224", "210921", "222402", "230722", "310104", "310105", "310106",
    "310107", "310109", "310110", "330122", "330127", "340121", "350121", "360121", "422822", "430121",
    "430321", "510121", "510321", "520203", "530124", "540121", "610323", "620121", "630121", "640121",
)
# fmt: on
_REGION_PLACE = {code: place for place, code in enumerate(_REGIONS)}
_FIRST_BIRTH, _BIRTH_DAYS = date(1950, 1, 1), 15_000  # to January 1991: adults on any day since 2010
_SPACE = len(_REGIONS) * _BIRTH_DAYS
_STEP, _STEP_BACK = 234_571, pow(234_571, -1, _SPACE)
_NAMED_REGION, _BORN_ON_ORDER = "110105", 500
_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国文辉力志鹏飞燕云莲真雪荣爱香月莺媛瑞凡佳嘉琼勤"
_MOBILE = (131, 132, 133, 135, 136, 137, 138, 139, 150, 151, 152, 158, 159, 186, 188, 189)


class Sex(StrEnum):
    """As the order code of the number tells it: odd male, even female."""

    FEMALE = "FEMALE"
    MALE = "MALE"


class Case(StrEnum):
    """People for whom the registry behaves in its own way."""

    EXAMPLE = "EXAMPLE"  # the number that textbooks print; MATCH
    MISMATCH = "MISMATCH"  # the registry has another name under this number
    NOT_FOUND = "NOT_FOUND"  # a number right in form that the registry does not have
    UNCLEAR = "UNCLEAR"  # the registry cannot decide; a person must
    SLOW = "SLOW"  # MATCH, but the first answer to each request takes its time


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person. `phone` is E.164."""

    name: str
    resident_id_number: str
    birth_date: date
    sex: Sex
    phone: str


def person(index: int) -> Person:
    """The person with this index, 0 to 599,999: an adult with a number and a phone that nobody else has.

    Error: IndexError.
    """
    if not 0 <= index < _SPACE:
        raise IndexError(f"there are people from 0 to {_SPACE - 1}")
    days, place = divmod(index * _STEP % _SPACE, len(_REGIONS))
    luck = int.from_bytes(blake2b(index.to_bytes(4), digest_size=12).digest())
    luck, order = divmod(luck, 999)
    luck, mobile = divmod(luck, len(_MOBILE))
    phone = f"+86{_MOBILE[mobile]}{index * 61_803_399 % 10**8:08d}"
    return _person(_name(luck), _REGIONS[place], _FIRST_BIRTH + timedelta(days), order + 1, phone)


def born_on(birth_date: date) -> Person:
    """The person born on any day since 1900, a child perhaps; the registry knows them all."""
    days = (birth_date - date(1900, 1, 1)).days
    luck = int.from_bytes(blake2b(birth_date.isoformat().encode(), digest_size=12).digest())
    return _person(_name(luck), _NAMED_REGION, birth_date, _BORN_ON_ORDER, f"+86130{20_000_000 + days:08d}")


def aged(years: int, on: date) -> Person:
    """The person who is `years` old on that day and stays so to the end of its year."""
    return born_on(date(on.year - years, 1, 1))


def named(case: Case) -> Person:
    """The one person of a case."""
    return _NAMED[case]


def find(number: str) -> Person | None:
    """Whom the registry has under a number (18 characters); for MISMATCH, somebody of another name."""
    try:
        birth_date = date.fromisoformat(f"{number[6:10]}-{number[10:12]}-{number[12:14]}")
    except ValueError:
        return None
    if number[:6] == _NAMED_REGION:
        return _RECORDS.get(number) or _same(born_on(birth_date), number)
    place, days = _REGION_PLACE.get(number[:6]), (birth_date - _FIRST_BIRTH).days
    if place is None or not 0 <= days < _BIRTH_DAYS:
        return None
    index = (days * len(_REGIONS) + place) * _STEP_BACK % _SPACE
    return _same(person(index), number) if index < KNOWN else None


def check_digit(first_seventeen: str) -> str:
    """The 18th character by GB 11643: ISO 7064 MOD 11-2."""
    remainder = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(first_seventeen)) % 11
    return "10X98765432"[remainder]


def _same(candidate: Person, number: str) -> Person | None:
    return candidate if candidate.resident_id_number == number else None


def _person(name: str, region: str, birth_date: date, order: int, phone: str) -> Person:
    body = f"{region}{birth_date:%Y%m%d}{order:03d}"
    return Person(name, body + check_digit(body), birth_date, Sex.MALE if order % 2 else Sex.FEMALE, phone)


def _name(luck: int) -> str:
    luck, family = divmod(luck, len(_FAMILY))
    luck, first = divmod(luck, len(_GIVEN))
    second = luck % (len(_GIVEN) * 4 // 3)
    return _FAMILY[family] + _GIVEN[first] + _GIVEN[second : second + 1]


_NAMED = {
    Case.EXAMPLE: _person("张三", _NAMED_REGION, date(1949, 12, 31), 2, "+8613800138000"),
    Case.MISMATCH: _person("李四", _NAMED_REGION, date(1980, 4, 4), 4, "+8613010000004"),
    Case.NOT_FOUND: _person("王五", _NAMED_REGION, date(1980, 5, 5), 5, "+8613010000005"),
    Case.UNCLEAR: _person("赵六", _NAMED_REGION, date(1980, 6, 6), 6, "+8613010000006"),
    Case.SLOW: _person("孙七", _NAMED_REGION, date(1980, 7, 7), 7, "+8613010000007"),
}
_RECORDS = {
    known.resident_id_number: known
    for known in (
        _NAMED[Case.EXAMPLE],
        _person("李思", _NAMED_REGION, date(1980, 4, 4), 4, "+8613010000004"),
        _NAMED[Case.UNCLEAR],
        _NAMED[Case.SLOW],
    )
}
