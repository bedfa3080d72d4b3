"""Numbers at a hospital: schedules, slots, holds, appointments, and how often one card may book.

tables.py ..... Schedule, Slot, Hold, Appointment, Limit and their states
calendar.py ... schedules become slots; search
places.py ..... the counters of a slot, under contention
book.py ....... hold and book, alone or in a batch
change.py ..... reschedule, cancel, arrive, no-show; reading appointments
limits.py ..... dated rules per card
telling.py .... what the hospital and the citizen are told
"""

from hub.booking.book import HOLD_LASTS, Wish, book, book_many, hold, looking, release, taking
from hub.booking.calendar import Offer, add_schedule, block, make_slots, offer, offers, schedules, search, unblock
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
    HoldUnknown,
    LimitReached,
    OtherDepartment,
    ScheduleOverlaps,
    SlotBlocked,
    SlotPast,
    SlotReserved,
    SlotTaken,
    SlotUnknown,
)
from hub.booking.limits import DEFAULT_RULES, Rule, limits_in_force, set_limits
from hub.booking.tables import APPOINTMENT, CHANNELS, POOLS, SLOT, Appointment, Hold, Limit, Schedule, Slot

__all__ = [
    "APPOINTMENT",
    "CHANNELS",
    "DEFAULT_RULES",
    "HOLD_LASTS",
    "POOLS",
    "SLOT",
    "AlreadyBooked",
    "Appointment",
    "AppointmentStarted",
    "Hold",
    "HoldUnknown",
    "Limit",
    "LimitReached",
    "Offer",
    "OtherDepartment",
    "Rule",
    "Schedule",
    "ScheduleOverlaps",
    "Slot",
    "SlotBlocked",
    "SlotPast",
    "SlotReserved",
    "SlotTaken",
    "SlotUnknown",
    "Wish",
    "add_schedule",
    "appointment",
    "appointments_of",
    "arrive",
    "block",
    "book",
    "book_many",
    "booked_on",
    "cancel",
    "day_list",
    "fulfil",
    "hold",
    "limits_in_force",
    "looking",
    "make_slots",
    "noshow",
    "offer",
    "offers",
    "release",
    "reschedule",
    "schedules",
    "search",
    "set_limits",
    "taking",
    "unblock",
]
