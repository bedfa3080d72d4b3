"""How long each step of a referral may take: usual values, and what the region has chosen instead.

No published rule was found for most of them, so all are the region's to set (`ONECARD_REFERRAL_MINUTES`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from hub.faults import Invalid, Problem

STEPS: Mapping[str, timedelta] = {
    # The duty desk hears of what nobody has confirmed, and again after each such span.
    "confirm": timedelta(hours=2),
    "answer-urgent": timedelta(hours=2),
    "answer-routine": timedelta(hours=24),
    "inform": timedelta(hours=24),
    "place": timedelta(days=3),
    "come-again": timedelta(days=7),
    "decide": timedelta(days=2),
    # A community that does not take a patient back in three days is asked no longer: the hospital decides anew.
    "take-back": timedelta(days=3),
    "letter": timedelta(days=14),
    "letter-after-discharge": timedelta(days=3),
    "validity": timedelta(days=30),
    "warning": timedelta(days=7),
}

_chosen: dict[str, timedelta] = {}


def set_minutes(minutes: Mapping[str, int]) -> None:
    """Once at the start of a process: what the region has chosen. Refuses: Invalid for an unknown step or no time."""
    for step, said in minutes.items():
        if step not in STEPS:
            raise Invalid(element="referral_minutes", found=step, allowed=", ".join(STEPS), problem=Problem.CODE)
        if said <= 0:
            raise Invalid(element=f"referral_minutes.{step}", found=said, allowed="> 0")
    _chosen.clear()
    _chosen.update({step: timedelta(minutes=said) for step, said in minutes.items()})


def time_for(step: str) -> timedelta:
    """How long a step may take."""
    return _chosen.get(step, STEPS[step])


def answer_due(priority: str, at: datetime) -> datetime:
    """Until when the receiver answers what it was asked at an instant."""
    return at + time_for(f"answer-{priority}")
