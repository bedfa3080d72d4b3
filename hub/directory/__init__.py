"""Organisations, departments, practitioners, services, endpoints and the price catalogue.

What the region's institutions are and how to reach them. Ids are the national codes: an
institution has 12 characters (H + 6 digits of its district + 5), a practitioner 13 (D + 6 + 6).
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Numeric, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, identity
from hub.faults import Unknown
from hub.trust import Sealed

TIERS = ("tertiary", "county", "community", "village", "bureau")


class OrganisationUnknown(Unknown):
    zh = "本区域没有编号为 {organisation_id} 的机构。"
    en = "There is no institution {organisation_id} in this region."


class DepartmentUnknown(Unknown):
    zh = "没有编号为 {department_id} 的科室。"
    en = "There is no department {department_id}."


class PractitionerUnknown(Unknown):
    zh = "没有编号为 {practitioner_id} 的医护人员。"
    en = "There is no practitioner {practitioner_id}."


class ServiceUnknown(Unknown):
    zh = "没有编号为 {service_id} 的服务。"
    en = "There is no service {service_id}."


class EndpointUnknown(Unknown):
    zh = "机构 {organisation_id} 没有登记“{kind}”接口地址。"
    en = "Institution {organisation_id} has no endpoint of kind '{kind}'."


class Organisation(Base):
    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint(f"tier IN {TIERS}", name="tier_known"),
        CheckConstraint("level BETWEEN 0 AND 3", name="level_known"),
        CheckConstraint("numbers IN ('hub', 'quota', 'his')", name="numbers_known"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str]
    tier: Mapped[str]
    level: Mapped[int]
    hosp_lv: Mapped[str]
    district: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    telephone: Mapped[str] = mapped_column(default="")
    uscc: Mapped[str | None]
    numbers: Mapped[str] = mapped_column(default="hub")


class Department(Base):
    __tablename__ = "department"
    __table_args__ = (UniqueConstraint("organisation_id", "code"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    code: Mapped[str]
    name: Mapped[str]
    name_en: Mapped[str]
    location: Mapped[str] = mapped_column(default="")


class Practitioner(Base):
    __tablename__ = "practitioner"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), index=True)
    department_id: Mapped[str | None] = mapped_column(ForeignKey("department.id"))
    name: Mapped[str]
    title: Mapped[str] = mapped_column(default="")
    telephone: Mapped[str] = mapped_column(default="")


class Service(Base):
    __tablename__ = "service"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), index=True)
    department_id: Mapped[str] = mapped_column(ForeignKey("department.id"))
    code: Mapped[str]
    name: Mapped[str]
    name_en: Mapped[str]


class Endpoint(Base):
    """Where an organisation can be reached: `mllp` by host and port, `webhook` by url, signed under `secret`.

    `application` and `facility` are its MSH-5 and MSH-6.
    """

    __tablename__ = "endpoint"
    __table_args__ = (
        UniqueConstraint("organisation_id", "kind"),
        CheckConstraint("state IN ('active', 'paused')", name="state_known"),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str]
    kind: Mapped[str]
    host: Mapped[str | None]
    port: Mapped[int | None]
    url: Mapped[str | None]
    application: Mapped[str | None]
    facility: Mapped[str | None]
    secret: Mapped[str | None] = mapped_column(Sealed)
    state: Mapped[str] = mapped_column(default="active")


class CatalogueItem(Base):
    """A drug, service or supply. `ceilings` holds yuan a unit by hospital level, as text: {"3": "850.00"}.

    most_a_day is the quantity above which one person's charges of a day are doubted; None for no limit.
    """

    __tablename__ = "catalogue_item"
    __table_args__ = (CheckConstraint("item_class IN ('A', 'B', 'C')", name="item_class_known"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str]
    kind: Mapped[str]
    item_class: Mapped[str]
    unit: Mapped[str]
    price: Mapped[Decimal] = mapped_column(Numeric(16, 6))
    ceilings: Mapped[dict[str, Any]]
    restricted: Mapped[bool]
    most_a_day: Mapped[Decimal | None] = mapped_column(Numeric(16, 4))


class DiagnosisItem(Base):
    """A diagnosis of the region's list: the code of the national clinical edition of ICD-10, and its name."""

    __tablename__ = "diagnosis_item"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str]


def organisation(session: Session, organisation_id: str) -> Organisation:
    """Refuses: OrganisationUnknown."""
    row = session.get(Organisation, organisation_id)
    if row is None:
        raise OrganisationUnknown(organisation_id=organisation_id)
    return row


def department(session: Session, department_id: str) -> Department:
    """Refuses: DepartmentUnknown."""
    row = session.get(Department, department_id)
    if row is None:
        raise DepartmentUnknown(department_id=department_id)
    return row


def practitioner(session: Session, practitioner_id: str) -> Practitioner:
    """Refuses: PractitionerUnknown."""
    row = session.get(Practitioner, practitioner_id)
    if row is None:
        raise PractitionerUnknown(practitioner_id=practitioner_id)
    return row


def service(session: Session, service_id: str) -> Service:
    """Refuses: ServiceUnknown."""
    row = session.get(Service, service_id)
    if row is None:
        raise ServiceUnknown(service_id=service_id)
    return row


def endpoint(session: Session, organisation_id: str, kind: str) -> Endpoint:
    """Refuses: EndpointUnknown."""
    wanted = select(Endpoint).where(Endpoint.organisation_id == organisation_id, Endpoint.kind == kind)
    row = session.scalars(wanted).first()
    if row is None:
        raise EndpointUnknown(organisation_id=organisation_id, kind=kind)
    return row


def has_endpoint(session: Session, organisation_id: str, kind: str) -> bool:
    """Whether an organisation can be reached so."""
    wanted = select(Endpoint.id).where(Endpoint.organisation_id == organisation_id, Endpoint.kind == kind)
    return session.scalars(wanted).first() is not None


def organisations(session: Session, *, tiers: Iterable[str] = TIERS) -> Sequence[Organisation]:
    """The institutions of some tiers, highest level first."""
    wanted = select(Organisation).where(Organisation.tier.in_(tuple(tiers)))
    return session.scalars(wanted.order_by(Organisation.level.desc(), Organisation.id)).all()


def departments(session: Session, organisation_id: str) -> Sequence[Department]:
    wanted = select(Department).where(Department.organisation_id == organisation_id)
    return session.scalars(wanted.order_by(Department.code)).all()


def practitioners(
    session: Session, organisation_id: str, *, department_id: str | None = None
) -> Sequence[Practitioner]:
    wanted = select(Practitioner).where(Practitioner.organisation_id == organisation_id).order_by(Practitioner.id)
    if department_id is not None:
        wanted = wanted.where(Practitioner.department_id == department_id)
    return session.scalars(wanted).all()


def services(session: Session, organisation_id: str) -> Sequence[Service]:
    return session.scalars(select(Service).where(Service.organisation_id == organisation_id).order_by(Service.id)).all()


def catalogue_of(session: Session, kinds: Iterable[str] | None = None) -> Sequence[CatalogueItem]:
    """The catalogue, or those kinds of it, by code."""
    wanted = select(CatalogueItem).order_by(CatalogueItem.code)
    if kinds is not None:
        wanted = wanted.where(CatalogueItem.kind.in_(tuple(kinds)))
    return session.scalars(wanted).all()


def search_catalogue(session: Session, text: str, *, limit: int = 12) -> Sequence[CatalogueItem]:
    """Items whose name or code holds a text, those that begin with it first; nothing for an empty text."""
    if not text:
        return ()
    wanted = select(CatalogueItem).where(
        CatalogueItem.name.icontains(text, autoescape=True)
        | CatalogueItem.name_en.icontains(text, autoescape=True)
        | CatalogueItem.code.istartswith(text, autoescape=True)
    )
    begins = CatalogueItem.name.istartswith(text, autoescape=True)
    return session.scalars(wanted.order_by(begins.desc(), CatalogueItem.code).limit(limit)).all()


def diagnoses(session: Session) -> Sequence[DiagnosisItem]:
    """The diagnoses that the region lists, by code."""
    return session.scalars(select(DiagnosisItem).order_by(DiagnosisItem.code)).all()


def catalogue(session: Session, codes: Iterable[str]) -> dict[str, CatalogueItem]:
    """The catalogue rows of those codes that exist, by code."""
    wanted = select(CatalogueItem).where(CatalogueItem.code.in_(tuple(codes)))
    return {row.code: row for row in session.scalars(wanted)}
