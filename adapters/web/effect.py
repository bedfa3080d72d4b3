"""What a referral does to the patient's money: with it, without it, and staying where they are."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from adapters.web.billing import Choice
from adapters.web.figures import money
from adapters.web.words import words
from hub import coverage, directory
from hub.coverage import Explanation
from hub.faults import Fault
from hub.trust import Caller
from hub.units import Money

EXPECTED_STAY = Money(1_000_000)
"""The stay that is reckoned with where nobody says how much it will be: 10,000 yuan, class A."""


@dataclass(frozen=True)
class Effect:
    """Three amounts for one expected stay."""

    total: int
    choices: tuple[Choice, ...]
    pack: str
    day: date

    @property
    def saved(self) -> int:
        """What the filing saves the patient, in fen."""
        filed, unfiled, _ = self.choices
        return unfiled.amount - filed.amount


def insurance_effect(
    session: Session, caller: Caller, *, person_id: int, sender_id: str, receiver_id: str, filed: bool, language: str
) -> Effect | None:
    """The patient's part at the receiver with and without the filing, and at the sender; None for the uninsured."""
    sender, receiver = directory.organisation(session, sender_id), directory.organisation(session, receiver_id)
    levels = sorted({sender.level, receiver.level})
    try:
        made = coverage.estimate(session, caller, person_id=person_id, total=EXPECTED_STAY, levels=levels)
    except Fault:
        return None
    by_level = {choice.level: choice for choice in made.choices}
    t = words(language)

    def choice(title: str, each: Explanation, chosen: bool) -> Choice:
        return Choice(title, each.totals.person, (t("est.fund", amount=money(each.totals.fund)),), chosen)

    there = by_level[receiver.level]
    stay = t("work.money_here", hospital=sender.name)
    return Effect(
        total=made.total,
        choices=(
            choice(t("work.money_filed"), there.referred, filed),
            choice(t("work.money_unfiled"), there.unreferred, not filed),
            choice(stay, by_level[sender.level].unreferred, False),
        ),
        pack=made.pack.id,
        day=made.day,
    )
