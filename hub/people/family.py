"""Who may act for whom: a child, an old father. A family link is a grant to a proxy, with an end."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, identity
from hub.people.persons import Person, cluster, person
from hub.trust import Caller, acts_for, grant

RELATIONS = ("child", "parent", "spouse", "grandparent", "ward", "other")


class Family(Base):
    """`proxy_id` may act for `person_id`, who is the proxy's `relation`."""

    __tablename__ = "family"
    __table_args__ = (
        UniqueConstraint("proxy_id", "person_id"),
        CheckConstraint(f"relation IN {RELATIONS}", name="relation_known"),
    )

    id: Mapped[int] = identity()
    proxy_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    relation: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime | None]


def link_family(
    session: Session, caller: Caller, *, proxy_id: int, person_id: int, relation: str, until: datetime | None = None
) -> Family:
    """Let one person act for another until an end. The person who is represented, or a counter, says so."""
    person(session, proxy_id)
    person(session, person_id)
    row = Family(proxy_id=proxy_id, person_id=person_id, relation=relation, since=caller.at, until=until)
    session.add(row)
    session.flush()
    grant(
        session,
        caller,
        person_id=person_id,
        proxy_person_id=proxy_id,
        basis="family",
        source=f"family/{row.id}",
        since=caller.at,
        until=until,
    )
    return row


def family_of(session: Session, proxy_id: int, at: datetime) -> list[tuple[Family, Person]]:
    """The people someone may act for now."""
    rows = session.execute(
        select(Family, Person)
        .join(Person, Person.id == Family.person_id)
        .where(Family.proxy_id == proxy_id, or_(Family.until.is_(None), Family.until > at))
        .order_by(Family.id)
    )
    return [(family, relative) for family, relative in rows]


def represented(session: Session, person_id: int, at: datetime) -> list[tuple[Family, Person]]:
    """The people who may act for someone now."""
    rows = session.execute(
        select(Family, Person)
        .join(Person, Person.id == Family.proxy_id)
        .where(Family.person_id == person_id, or_(Family.until.is_(None), Family.until > at))
        .order_by(Family.id)
    )
    return [(family, proxy) for family, proxy in rows]


def may_act_for(session: Session, caller: Caller, person_id: int) -> bool:
    """Whether a citizen is this person or their proxy. Systems and staff act under their scopes instead."""
    if caller.person_id is None:
        return False
    ids = cluster(session, person_id)
    if caller.person_id in ids:
        return True
    return acts_for(session, proxy_person_id=caller.person_id, person_ids=ids, at=caller.at)
