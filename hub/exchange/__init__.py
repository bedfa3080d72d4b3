"""Messages heard, with the answer each got, and messages due to leave the building.

heard.py ... hear() inserts first, so the unique key decides between two copies; answer() stores
due.py ..... post() writes what must leave; lanes keep order per destination and subject;
             lease() and the record verbs are for the adapter that delivers
"""

from hub.exchange.due import (
    DUE,
    LANE,
    Due,
    DueUnknown,
    Lane,
    Leased,
    abandon,
    due,
    failed,
    holders,
    lanes,
    lease,
    park,
    pause,
    post,
    post_many,
    refused,
    release,
    resume,
    search_due,
    sent,
    skip,
)
from hub.exchange.heard import Heard, HeardMessage, MessageUnknown, answer, claim, hear, heard, orphans, search_heard

__all__ = [
    "DUE",
    "LANE",
    "Due",
    "DueUnknown",
    "Heard",
    "HeardMessage",
    "Lane",
    "Leased",
    "MessageUnknown",
    "abandon",
    "answer",
    "claim",
    "due",
    "failed",
    "hear",
    "heard",
    "holders",
    "lanes",
    "lease",
    "orphans",
    "park",
    "pause",
    "post",
    "post_many",
    "refused",
    "release",
    "resume",
    "search_due",
    "search_heard",
    "sent",
    "skip",
]
