"""One event, several rooms, one transaction: everything happens or nothing does.

referring.py ... a referral with its place and its filing, and how all three end together
visiting.py .... admission, discharge, results, appointments given up: what they mean for a referral
stopping.py .... a stopped clinic: everybody who had booked there
charging.py .... a clinic without a system of its own: visit, fees and settlement at once

Journeys have no tables. A referral is locked before its place, everywhere, so that two journeys of
one patient wait for each other.
"""

from hub.journeys.charging import ClinicBill, ClinicQuote, Wanted, charge_at_clinic, chronic_of, quote_at_clinic
from hub.journeys.referring import (
    close,
    decline,
    expire_overdue,
    recall,
    redirect,
    refer,
    refer_down,
    reject,
    reserve,
    return_not_taken,
    watch,
)
from hub.journeys.stopping import settle_visit
from hub.journeys.visiting import (
    admit,
    cancel_admission,
    cancel_appointment,
    discharge,
    miss_appointment,
    publish,
)

__all__ = [
    "ClinicBill",
    "ClinicQuote",
    "Wanted",
    "admit",
    "cancel_admission",
    "cancel_appointment",
    "charge_at_clinic",
    "chronic_of",
    "close",
    "decline",
    "discharge",
    "expire_overdue",
    "miss_appointment",
    "publish",
    "quote_at_clinic",
    "recall",
    "redirect",
    "refer",
    "refer_down",
    "reject",
    "reserve",
    "return_not_taken",
    "settle_visit",
    "watch",
]
