"""Settlements of people insured where a platform further up is the authority.

tables.py ...... what was said to platforms and what they answered
asking.py ...... who and what a question is about; the keys kept, the question written down before it is sent
answers.py ..... an answer in the hub's words; what it leaves open, where our own calculation differs
shadow.py ...... that calculation, from what was seen settled there
recording.py ... settled, undone, refused, lost: each recorded once
sweeping.py .... what is left open: asked again, reversed, believed when the platform's file agrees
"""

from hub.settlement.upstream.answers import Answer, Difference, differences, suspense
from hub.settlement.upstream.asking import (
    Asking,
    NotYetUndone,
    SettledHere,
    Subject,
    ask_quote,
    ask_settle,
    ask_undo,
    shadow,
    subject_of,
    write_down,
)
from hub.settlement.upstream.recording import (
    PlatformRefused,
    record_done,
    record_lost,
    record_refused,
    record_settled,
    record_undone,
    visit_discharged,
    visit_known_as,
)
from hub.settlement.upstream.shadow import explain
from hub.settlement.upstream.sweeping import (
    Agreed,
    Due,
    PlatformLine,
    agree,
    record_reversed,
    settled_lines,
    still_open,
    take_due,
    unconfirmed,
)
from hub.settlement.upstream.tables import FORWARDED, OPEN, Forwarded, UpstreamVisit

__all__ = [
    "FORWARDED",
    "OPEN",
    "Agreed",
    "Answer",
    "Asking",
    "Difference",
    "Due",
    "Forwarded",
    "NotYetUndone",
    "PlatformLine",
    "PlatformRefused",
    "SettledHere",
    "Subject",
    "UpstreamVisit",
    "agree",
    "ask_quote",
    "ask_settle",
    "ask_undo",
    "differences",
    "explain",
    "record_done",
    "record_lost",
    "record_refused",
    "record_reversed",
    "record_settled",
    "record_undone",
    "settled_lines",
    "shadow",
    "still_open",
    "subject_of",
    "suspense",
    "take_due",
    "unconfirmed",
    "visit_discharged",
    "visit_known_as",
    "write_down",
]
