"""What a referral does to the patient's money, at the desk in one small table."""

from typing import Any

from sqlalchemy.orm import Session

from hub.referrals import Referral
from hub.trust import Caller


def insurance_effect(session: Session, caller: Caller, referral: Referral) -> Any:
    """The patient's share with and without this referral; None where it cannot be told."""
    return None
