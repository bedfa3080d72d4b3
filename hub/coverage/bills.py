"""What adjudication is given: the bill as the hospital charges it, and the person's standing that day.

Both are plain frozen values. Money is fen, a quantity and a unit price are exact Decimals.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from hub.coverage.packs import Pack, Scheme
from hub.faults import Invalid, Problem

CARES = ("inpatient", "outpatient")
LEVELS = (0, 1, 2, 3)
CLASSES = ("A", "B", "C")
DIRECTIONS = ("up", "down")
FILINGS_OUT_OF_AREA = ("filed", "emergency", "unfiled")


class BillWrong(Invalid):
    """A bill that contradicts itself or its schema; `element` is its path, as lines[3].quantity."""

    zh = "账单的 {element} 有误：收到“{found}”，应为{allowed}。"
    en = "The bill's {element} is wrong: found '{found}', allowed is {allowed}."


class Line(NamedTuple):
    """One charged item (a tuple, since a bill may have ten thousand). Unit price and ceiling in yuan a unit."""

    id: str
    item_class: str
    quantity: Decimal
    unit_price: Decimal
    ceiling: Decimal | None = None
    approved: bool = True


@dataclass(frozen=True, slots=True)
class Bill:
    """What the hospital charges. `day` decides pack and year: discharge, visit, or mid-stay settlement.

    hospital_level is 0 (primary), 1, 2 or 3; out_of_area is None inside the area, else filed, emergency or unfiled.
    """

    day: date
    care: str
    hospital_level: int
    lines: tuple[Line, ...]
    chronic: str | None = None
    emergency: bool = False
    out_of_area: str | None = None


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral as the insurer sees it; deductible_paid (fen) at the sending hospital in the same episode."""

    filed: bool
    direction: str
    deductible_paid: int = 0


class Year(NamedTuple):
    """What the funds have paid for a person in one year, and what the person has borne (fen).

    own_in_scope is the resident's in-patient deductible and co-payment; chronic is that of the bill's disease.
    """

    pool: int = 0
    large: int = 0
    serious: int = 0
    aid: int = 0
    own_in_scope: int = 0
    outpatient_deductible: int = 0
    outpatient_pool: int = 0
    chronic: int = 0


NEW_YEAR = Year()


@dataclass(frozen=True, slots=True)
class Standing:
    """Who the person is to the insurer on the day of the bill, and what went before (fen).

    admission counts from 1 in the year, a transfer inside a referral episode not counted anew. shared_balance is what
    is in the account of the relative who lets this person pay from it; None when that is not to be used.
    """

    insutype: str
    retired: bool = False
    civil_servant: bool = False
    aid: bool = False
    admission: int = 1
    referral: Referral | None = None
    stay_deductible_paid: int = 0
    account_balance: int = 0
    account_used: bool = True
    year: Year = NEW_YEAR
    shared_balance: int | None = None


def check_bill(bill: Bill, pack: Pack, standing: Standing) -> Scheme:
    """The scheme that decides the bill. Refuses: BillWrong. Lines are checked where they are priced."""
    if not pack.covers(bill.day):
        raise BillWrong(element="day", found=bill.day, allowed=f"{pack.valid_from} 起 / and later ({pack.id})")
    scheme = pack.schemes.get(standing.insutype)
    if scheme is None:
        raise BillWrong(element="insutype", found=standing.insutype, allowed=", ".join(pack.schemes))
    _one_of("care", bill.care, CARES)
    _one_of("hospital_level", bill.hospital_level, LEVELS)
    if bill.out_of_area is not None:
        _one_of("out_of_area", bill.out_of_area, FILINGS_OUT_OF_AREA)
    if bill.chronic is not None:
        _one_of("chronic", bill.chronic, tuple(scheme.chronic))
        if bill.care != "outpatient":
            raise BillWrong(element="chronic", found=bill.chronic, allowed="null, since care is inpatient")
    if standing.admission < 1:
        raise BillWrong(element="admission", found=standing.admission, allowed="1 and above")
    if standing.referral is not None:
        _one_of("referral.direction", standing.referral.direction, DIRECTIONS)
    return scheme


def _one_of(element: str, found: object, allowed: tuple[object, ...]) -> None:
    if found not in allowed:
        raise BillWrong(element=element, found=found, allowed=", ".join(map(str, allowed)), problem=Problem.CODE)
