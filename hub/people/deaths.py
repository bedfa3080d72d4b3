"""That somebody has died: who said so and on which day; taken back when it was a mistake."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub import trust
from hub.db import Base
from hub.faults import Refused
from hub.people.persons import same_card
from hub.trust import Caller


class PersonDied(Refused):
    zh = "此人（{shown}）已于 {died_on} 登记死亡，{day} 不能再办理。如登记有误，请先更正。"
    en = "This person ({shown}) is recorded as having died on {died_on}, before {day}. Correct the record first."


class Death(Base):
    """One person's death. `source` names what said so ("visit/12")."""

    __tablename__ = "death"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    died_on: Mapped[date]
    source: Mapped[str]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]


def record_death(session: Session, caller: Caller, *, person_id: int, died_on: date, source: str) -> None:
    """Whoever treats a patient may say that they died; the first word stands. Refuses: NotAllowed."""
    trust.require(caller, "records.write")
    row = {"person_id": person_id, "died_on": died_on, "source": source}
    row |= {"recorded_at": caller.at, "recorded_by": caller.id}
    session.execute(insert(Death).values(row).on_conflict_do_nothing())


def take_back_death(session: Session, caller: Caller, *, source: str) -> None:
    """What said so was a mistake. Refuses: NotAllowed."""
    trust.require(caller, "records.write")
    session.execute(delete(Death).where(Death.source == source))


def died_on(session: Session, person_id: int) -> date | None:
    """The day on which the human behind a person died, by whichever of their records says so first."""
    wanted = select(Death.died_on).where(Death.person_id.in_(same_card(person_id))).order_by(Death.died_on)
    return session.scalars(wanted.limit(1)).first()


def require_alive(session: Session, *, person_id: int, on: date, shown: str) -> None:
    """Before something begins on a day; `shown` is how the caller named the person. Refuses: PersonDied."""
    died = died_on(session, person_id)
    if died is not None and died < on:
        raise PersonDied(shown=shown, died_on=died, day=on)
