"""Numbers at a hospital: schedules, slots, holds, appointments, and how often one card may book.

tables.py ..... Schedule, Slot, Hold, Appointment, Limit and their states
calendar.py ... schedules become slots; search
places.py ..... the counters of a slot, under contention
book.py ....... hold and book, alone or in a batch
change.py ..... reschedule, cancel, arrive, no-show; reading appointments
limits.py ..... dated rules per card
fees.py ....... the fee: paid, owed back, paid back
stopping.py ... a clinic is stopped, and everybody who had booked is seen to
waiting.py .... who waits for a place gets the next one that is freed
unkept.py ..... whose day is over and who never came
numbers.py .... what a hospital's own system calls an appointment
telling.py .... what the hospital and the citizen are told
"""

from hub.booking.book import HOLD_LASTS, Wish, book, book_many, hold, looking, release, taking
from hub.booking.calendar import Offer, add_schedule, block, make_slots, offer, offers, schedules, search
from hub.booking.change import (
    appointment,
    appointments_of,
    arrive,
    booked_on,
    cancel,
    day_list,
    fulfil,
    noshow,
    reschedule,
)
from hub.booking.faults import (
    AlreadyBooked,
    AppointmentStarted,
    ClinicStopped,
    FeeNotDue,
    FeePaid,
    FeeUnknown,
    HoldUnknown,
    LimitReached,
    NothingOffered,
    OtherDepartment,
    PlaceFree,
    ScheduleOverlaps,
    SlotBlocked,
    SlotPast,
    SlotReserved,
    SlotTaken,
    SlotUnknown,
    StopOver,
    StopTooLong,
    WaitingUnknown,
)
from hub.booking.fees import FEE, BookingFee, fee_of, pay_fee, refund_fee, refunds_due
from hub.booking.limits import Rule, limits_in_force, set_limits
from hub.booking.numbers import Numbered, give_number, number_of, numbered
from hub.booking.stopping import (
    OUTCOMES,
    STOPPED_VISIT,
    ClinicStop,
    Contact,
    Preview,
    StoppedVisit,
    alternatives,
    contacts,
    preview_stop,
    record_call,
    settle_visit,
    stop,
    stops,
    unblock,
    waiting_visits,
)
from hub.booking.tables import APPOINTMENT, CHANNELS, POOLS, SLOT, Appointment, Hold, Limit, Schedule, Slot
from hub.booking.unkept import unkept
from hub.booking.waiting import (
    OFFERED,
    WAITING,
    Waiting,
    WaitingOffer,
    WaitingWish,
    pass_places_on,
    waiting_of,
    waiting_one,
)
from hub.booking.waiting import accept as accept_offer
from hub.booking.waiting import decline as decline_offer
from hub.booking.waiting import join as join_waiting
from hub.booking.waiting import leave as leave_waiting

__all__ = [
    "APPOINTMENT",
    "CHANNELS",
    "FEE",
    "HOLD_LASTS",
    "OFFERED",
    "OUTCOMES",
    "POOLS",
    "SLOT",
    "STOPPED_VISIT",
    "WAITING",
    "AlreadyBooked",
    "Appointment",
    "AppointmentStarted",
    "BookingFee",
    "ClinicStop",
    "ClinicStopped",
    "Contact",
    "FeeNotDue",
    "FeePaid",
    "FeeUnknown",
    "Hold",
    "HoldUnknown",
    "Limit",
    "LimitReached",
    "NothingOffered",
    "Numbered",
    "Offer",
    "OtherDepartment",
    "PlaceFree",
    "Preview",
    "Rule",
    "Schedule",
    "ScheduleOverlaps",
    "Slot",
    "SlotBlocked",
    "SlotPast",
    "SlotReserved",
    "SlotTaken",
    "SlotUnknown",
    "StopOver",
    "StopTooLong",
    "StoppedVisit",
    "Waiting",
    "WaitingOffer",
    "WaitingUnknown",
    "WaitingWish",
    "Wish",
    "accept_offer",
    "add_schedule",
    "alternatives",
    "appointment",
    "appointments_of",
    "arrive",
    "block",
    "book",
    "book_many",
    "booked_on",
    "cancel",
    "contacts",
    "day_list",
    "decline_offer",
    "fee_of",
    "fulfil",
    "give_number",
    "hold",
    "join_waiting",
    "leave_waiting",
    "limits_in_force",
    "looking",
    "make_slots",
    "noshow",
    "number_of",
    "numbered",
    "offer",
    "offers",
    "pass_places_on",
    "pay_fee",
    "preview_stop",
    "record_call",
    "refund_fee",
    "refunds_due",
    "release",
    "reschedule",
    "schedules",
    "search",
    "set_limits",
    "settle_visit",
    "stop",
    "stops",
    "taking",
    "unblock",
    "unkept",
    "waiting_of",
    "waiting_one",
    "waiting_visits",
]
