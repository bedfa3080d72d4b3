"""A remote consultation: a question, a panel, a common time, a signed and countersigned opinion.

tables.py ..... Consultation, Expert, ExpertTime and the states
asking.py ..... what a doctor states, and the request
calendar.py ... common free time, held for all or for none
verbs.py ...... schedule, begin, sign, countersign, decline, cancel
reading.py .... who may see it and do what
"""

from hub.consultations.asking import DUE_WITHIN, ConsentMissing, ConsultationFacts, request
from hub.consultations.calendar import WORKING_HOURS, Interval, common_free_times
from hub.consultations.reading import (
    ACTIONS,
    ConsultationUnknown,
    NotInThisConsultation,
    available_actions,
    consultation,
    consultations,
    experts,
    opinion,
    roles,
)
from hub.consultations.tables import CONSULTATION, Consultation, Expert, ExpertTime
from hub.consultations.verbs import (
    ExpertBusy,
    NoCommonTime,
    begin,
    cancel,
    countersign,
    decline,
    free_times,
    schedule,
    sign_opinion,
)

__all__ = [
    "ACTIONS",
    "CONSULTATION",
    "DUE_WITHIN",
    "WORKING_HOURS",
    "ConsentMissing",
    "Consultation",
    "ConsultationFacts",
    "ConsultationUnknown",
    "Expert",
    "ExpertBusy",
    "ExpertTime",
    "Interval",
    "NoCommonTime",
    "NotInThisConsultation",
    "available_actions",
    "begin",
    "cancel",
    "common_free_times",
    "consultation",
    "consultations",
    "countersign",
    "decline",
    "experts",
    "free_times",
    "opinion",
    "request",
    "roles",
    "schedule",
    "sign_opinion",
]
