"""Citizen numbers and other identity documents: form and check digit (GB 11643, GB 32100).

Area codes are not looked up: people born under abolished codes keep them. 18 characters are not
always a mainland number: residence permits of Hong Kong, Macau and Taiwan (81 to 83) and the new
permanent residence card (leading 9) share the rule.
"""

import re
from datetime import date

from hub.faults import Invalid

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
CITIZEN_NUMBER = "01"
CHECKED_TYPES = frozenset({CITIZEN_NUMBER, "17"})


class CitizenNumberWrong(Invalid):
    zh = "{element}“{found}”不是有效的公民身份号码：{why}。请核对证件。"
    en = "{element} '{found}' is not a valid citizen number: {why_en}. Check it against the document."


def citizen_number(text: str, *, element: str, on: date) -> str:
    """The number upper-cased, its birth date and check digit verified. Refuses: CitizenNumberWrong."""
    number = text.strip().upper()
    shown = number[:6] + "*" * max(0, len(number) - 10) + number[-4:]
    if not re.fullmatch(r"\d{17}[\dX]", number):
        raise CitizenNumberWrong(element=element, found=shown, why="应为 18 位", why_en="18 characters are expected")
    born = birth_date_of(number)
    if born is None or born > on:
        raise CitizenNumberWrong(element=element, found=shown, why="出生日期不存在", why_en="no such birth date")
    if check_digit(number[:17]) != number[17]:
        raise CitizenNumberWrong(element=element, found=shown, why="校验位不对", why_en="the check digit is wrong")
    return number


def check_digit(first17: str) -> str:
    """GB 11643: the 18th character of a citizen number."""
    return _CHECKS[sum(int(d) * w for d, w in zip(first17, _WEIGHTS, strict=True)) % 11]


def birth_date_of(number: str) -> date | None:
    """Digits 7 to 14 of a citizen number as a date; None when there is no such day."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def gender_of(number: str) -> str:
    """The 17th digit of a citizen number: odd is male."""
    return "M" if int(number[16]) % 2 else "F"


def uscc_check(first17: str) -> str:
    """GB 32100: the 18th character of a unified social credit code."""
    total = sum(_USCC_ALPHABET.index(c) * w for c, w in zip(first17, _USCC_WEIGHTS, strict=True))
    return _USCC_ALPHABET[(31 - total % 31) % 31]
