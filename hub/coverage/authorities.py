"""Who settles for the people of an insured area: this hub for its bureau, or a platform further up, with its address.

An area nobody has said anything about is settled here. The credential is what the platform gave this hub.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import CheckConstraint, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub import trust
from hub.db import Base
from hub.faults import Invalid, Refused, Unknown
from hub.trust import Caller, Sealed

HUB, UPSTREAM = "hub", "upstream"
LONGEST_TIMEOUT = 60


class SettledUpstream(Refused):
    """Said by every verb that would settle as the authority; a door that can speak upward forwards instead."""

    zh = "参保地 {area} 由上级医保平台结算，本平台不能直接结算。请由医院经国家医保接口（2207、2304）办理。"
    en = "Area {area} is settled by a platform further up, not here. Settle through the national interface."


class AuthorityUnknown(Unknown):
    zh = "没有登记参保地 {area} 的上级医保平台。"
    en = "No platform is registered for the insured area {area}."


class Authority(Base):
    """`asks_by_msgid`: the platform answers 5203 for a message id in setl_id, by local agreement with it."""

    __tablename__ = "insurance_authority"
    __table_args__ = (
        CheckConstraint("settles IN ('hub', 'upstream')", name="settles_known"),
        CheckConstraint(
            "(settles = 'upstream') = (url IS NOT NULL AND access_key IS NOT NULL AND secret IS NOT NULL)",
            name="a_platform_can_be_reached",
        ),
    )

    area: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str]
    settles: Mapped[str]
    url: Mapped[str | None]
    access_key: Mapped[str | None]
    secret: Mapped[str | None] = mapped_column(Sealed)
    timeout_seconds: Mapped[int] = mapped_column(default=15)
    asks_by_msgid: Mapped[bool] = mapped_column(default=True)

    @property
    def timeout(self) -> timedelta:
        """How long an answer of the platform is waited for."""
        return timedelta(seconds=self.timeout_seconds)


def set_authority(
    session: Session,
    caller: Caller,
    *,
    area: str,
    name: str,
    name_en: str = "",
    url: str | None = None,
    access_key: str | None = None,
    secret: str | None = None,
    timeout_seconds: int = 15,
    asks_by_msgid: bool = True,
) -> Authority:
    """State who settles for an area: the platform at `url`, or without one this hub. Said again it replaces.

    Refuses: NotAllowed, Invalid.
    """
    trust.require(caller, "operations")
    if not (area.isascii() and area.isdigit() and len(area) == 6):
        raise Invalid(element="area", found=area[:20], allowed="6 位医保区划代码 / six digits")
    if url is not None and not (url.startswith(("http://", "https://")) and access_key and secret):
        raise Invalid(element="url", found=url[:100], allowed="http(s)://… + access key + secret")
    if not 0 < timeout_seconds <= LONGEST_TIMEOUT:
        raise Invalid(element="timeout_seconds", found=timeout_seconds, allowed=f"1 … {LONGEST_TIMEOUT}")
    said = {
        "name": name,
        "name_en": name_en or name,
        "settles": HUB if url is None else UPSTREAM,
        "url": url and url.rstrip("/"),
        "access_key": access_key if url else None,
        "secret": secret if url else None,
        "timeout_seconds": timeout_seconds,
        "asks_by_msgid": asks_by_msgid,
    }
    kept = insert(Authority).values(area=area, **said).on_conflict_do_update(index_elements=["area"], set_=said)
    session.execute(kept)
    return session.get_one(Authority, area, populate_existing=True)


def platform_of(session: Session, area: str) -> Authority:
    """The platform that settles for an area. Refuses: AuthorityUnknown."""
    row = session.get(Authority, area)
    if row is None or row.settles != UPSTREAM:
        raise AuthorityUnknown(area=area)
    return row


def authorities(session: Session) -> Sequence[Authority]:
    """Every area somebody has said something about, by code."""
    return session.scalars(select(Authority).order_by(Authority.area)).all()
