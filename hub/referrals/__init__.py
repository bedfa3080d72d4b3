"""A patient sent up, back down or sideways: how it goes, who may do what, and the letter that closes it.

tables.py ..... the state table, Referral, ReferralEvent
facts.py ...... what a sender states, and the ladder of refusals over it
actions.py .... who may do what, now
verbs.py ...... draft, send, receive, accept, reject, ask and answer, recall, redirect, arrive, complete
messages.py ... what the other side and the patient are told
reading.py .... worklists, chains, histories
rows.py ....... the queries behind the verbs

Acceptance, arrival and access to the record are three events: a grant is written when the receiver
accepts (when an urgent patient is sent), and ends a month after the closing letter.
"""

from hub.referrals.actions import (
    ACTIONS,
    AlreadyHasPlace,
    NotYourMove,
    ReferralUnknown,
    available_actions,
    require_action,
    roles,
)
from hub.referrals.facts import (
    CarePlan,
    CarePlanMissing,
    DirectionWrong,
    Letter,
    ReferralFacts,
    ToItself,
    direction_between,
)
from hub.referrals.messages import deliver, snapshot
from hub.referrals.reading import (
    arrived_in,
    by_number,
    chain,
    expected_at,
    first_of_chain,
    following,
    history,
    holding,
    incoming,
    outgoing,
    overdue,
    referral,
    referrals_of,
)
from hub.referrals.tables import REFERRAL, STATES, Referral, ReferralEvent
from hub.referrals.verbs import (
    AFTER_COMPLETION,
    ANSWER_WITHIN,
    VALIDITY,
    PlacerNumberTaken,
    accept,
    answer_info,
    arrive,
    complete,
    decline,
    discard,
    draft,
    expire,
    file,
    lose_place,
    miss,
    recall,
    receive,
    redirect,
    reject,
    release_place,
    request_info,
    send,
    take_place,
    undo_arrival,
    unfile,
)

__all__ = [
    "ACTIONS",
    "AFTER_COMPLETION",
    "ANSWER_WITHIN",
    "REFERRAL",
    "STATES",
    "VALIDITY",
    "AlreadyHasPlace",
    "CarePlan",
    "CarePlanMissing",
    "DirectionWrong",
    "Letter",
    "NotYourMove",
    "PlacerNumberTaken",
    "Referral",
    "ReferralEvent",
    "ReferralFacts",
    "ReferralUnknown",
    "ToItself",
    "accept",
    "answer_info",
    "arrive",
    "arrived_in",
    "available_actions",
    "by_number",
    "chain",
    "complete",
    "decline",
    "deliver",
    "direction_between",
    "discard",
    "draft",
    "expected_at",
    "expire",
    "file",
    "first_of_chain",
    "following",
    "history",
    "holding",
    "incoming",
    "lose_place",
    "miss",
    "outgoing",
    "overdue",
    "recall",
    "receive",
    "redirect",
    "referral",
    "referrals_of",
    "reject",
    "release_place",
    "request_info",
    "require_action",
    "roles",
    "send",
    "snapshot",
    "take_place",
    "undo_arrival",
    "unfile",
]
