"""The tables of coverage. A person's rows are found by every person id of the card."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, func, literal_column
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.db import Base, identity
from hub.lifecycle import Lifecycle
from hub.trust import Sealed
from hub.units import Money

FILING = Lifecycle("insurance filing", start="filed", moves={("filed", "withdraw"): "withdrawn"})

# A pack decides bills once two clerks of the bureau have signed it.
PACK = Lifecycle(
    "benefit pack",
    start="imported",
    moves={
        ("imported", "sign"): "signed",
        ("signed", "sign"): "live",
        ("imported", "withdraw"): "withdrawn",
        ("signed", "withdraw"): "withdrawn",
    },
)

SHARE = Lifecycle("shared account", start="open", moves={("open", "end"): "ended"})
RELATIONS = ("parent", "spouse", "child")
"""What a relative is to the owner of a personal account."""

filing_serial = Sequence("filing_serial", metadata=Base.metadata)


class BenefitPack(Base):
    """A pack as its text came in; a bill's day chooses the pack of its area for ever."""

    __tablename__ = "benefit_pack"
    __append_only__ = True

    id: Mapped[str] = mapped_column(primary_key=True)
    area: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    content_hash: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    imported_at: Mapped[datetime]
    imported_by: Mapped[str]


class PackRelease(Base):
    """How far a pack is on its way to deciding bills, and who said so: two different clerks, or one withdrawal."""

    __tablename__ = "benefit_pack_release"
    __table_args__ = (
        PACK.check(),
        CheckConstraint("second_by <> first_by", name="signed_by_two"),
        CheckConstraint(
            "CASE state WHEN 'imported' THEN first_by IS NULL AND second_by IS NULL "
            "WHEN 'signed' THEN first_by IS NOT NULL AND second_by IS NULL "
            "WHEN 'live' THEN first_by IS NOT NULL AND second_by IS NOT NULL ELSE withdrawn_by IS NOT NULL END",
            name="signed_as_its_state_says",
        ),
        Index("one_pack_a_first_day", "area", "valid_from", unique=True, postgresql_where="state <> 'withdrawn'"),
    )

    pack_id: Mapped[str] = mapped_column(ForeignKey("benefit_pack.id"), primary_key=True)
    area: Mapped[str]
    valid_from: Mapped[date]
    state: Mapped[str] = mapped_column(default=PACK.start)
    first_by: Mapped[str | None]
    first_at: Mapped[datetime | None]
    second_by: Mapped[str | None]
    second_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawal_reason: Mapped[str | None]


class Enrolment(Base):
    """Who is insured how, from one day to another. A change is a new row, so the day of a bill finds its own.

    psn_no is the insurer's number of the person; suspended means insured but without benefits in those days.
    """

    __tablename__ = "enrolment"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'suspended')", name="state_known"),
        CheckConstraint("until >= since", name="ends_after_it_begins"),
        # No gist operator for equality without an extension, so person and type become one range of one number.
        ExcludeConstraint(
            (
                func.int8range(
                    literal_column("person_id * 1000 + insutype::bigint"),
                    literal_column("person_id * 1000 + insutype::bigint"),
                    literal_column("'[]'"),
                ),
                "&&",
            ),
            (func.daterange(literal_column("since"), literal_column("until"), literal_column("'[]'")), "&&"),
            name="enrolment_once_a_day",
            using="gist",
        ),
    )

    id: Mapped[int] = identity()
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    insutype: Mapped[str]
    psn_no: Mapped[str] = mapped_column(Sealed)
    psn_type: Mapped[str]
    area: Mapped[str]
    retired: Mapped[bool] = mapped_column(default=False)
    civil_servant: Mapped[bool] = mapped_column(default=False)
    aid: Mapped[bool] = mapped_column(default=False)
    employer: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="active")
    since: Mapped[date]
    until: Mapped[date | None]
    source: Mapped[str]


class Account(Base):
    """The personal account of an insured employee."""

    __tablename__ = "personal_account"
    __table_args__ = (CheckConstraint("balance >= 0", name="never_overdrawn"), {"postgresql_with": {"fillfactor": 80}})

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    balance: Mapped[Money]


class AccountCredit(Base):
    """What the insurer put into a personal account; credits less what settlements took is the balance."""

    __tablename__ = "account_credit"
    __append_only__ = True

    id: Mapped[int] = identity()
    person_id: Mapped[int] = mapped_column(ForeignKey("personal_account.person_id"), index=True)
    amount: Mapped[Money]
    at: Mapped[datetime]
    source: Mapped[str]


class AccountShare(Base):
    """An employee lets a relative pay from the personal account (家庭共济), on the days since .. until.

    owner_id is the person row that has the account. A relative pays from one account a day, so that nobody has to
    say which of two goes first. `proof` names the paper that was shown.
    """

    __tablename__ = "account_share"
    __table_args__ = (
        SHARE.check(),
        CheckConstraint(f"relation IN {RELATIONS}", name="relation_known"),
        CheckConstraint("owner_id <> relative_id", name="not_oneself"),
        CheckConstraint("consented_on <= since AND until >= since", name="consent_first"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_when_it_says_so"),
        # No gist operator for equality without an extension, so the relative becomes a range of one number.
        ExcludeConstraint(
            (
                func.int8range(literal_column("relative_id"), literal_column("relative_id"), literal_column("'[]'")),
                "&&",
            ),
            (func.daterange(literal_column("since"), literal_column("until"), literal_column("'[]'")), "&&"),
            name="one_account_a_day",
            using="gist",
            where=literal_column("state = 'open'"),
        ),
    )

    id: Mapped[int] = identity()
    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    relative_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    relation: Mapped[str]
    since: Mapped[date]
    until: Mapped[date | None]
    consented_on: Mapped[date]
    proof: Mapped[str]
    source: Mapped[str]
    state: Mapped[str] = mapped_column(default=SHARE.start)
    opened_at: Mapped[datetime]
    opened_by: Mapped[str]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]


class Filing(Base):
    """What was told to the insurer beforehand: a referral (2501), or a chronic disease (2503).

    number is the insurer's trt_dcla_detl_sn. It counts for a stay that touches since .. until; of several that
    do, the one filed last wins. For a chronic disease, `disease` is the word of the benefit pack.
    """

    __tablename__ = "filing"
    __table_args__ = (
        FILING.check(),
        CheckConstraint("kind IN ('referral', 'chronic')", name="kind_known"),
        CheckConstraint("direction IN ('up', 'down')", name="direction_known"),
        CheckConstraint("until >= since", name="ends_after_it_begins"),
        CheckConstraint(
            "CASE kind WHEN 'referral' THEN receiver_id IS NOT NULL AND direction IS NOT NULL AND disease IS NULL "
            "ELSE disease IS NOT NULL END",
            name="complete_for_its_kind",
        ),
        Index("filing_once_for_a_source", "source", unique=True, postgresql_where="state = 'filed'"),
    )

    id: Mapped[int] = identity()
    number: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    insutype: Mapped[str]
    sender_id: Mapped[str | None]
    sender_visit: Mapped[str | None]
    receiver_id: Mapped[str | None]
    direction: Mapped[str | None]
    disease: Mapped[str | None]
    diagnosis_code: Mapped[str]
    diagnosis_name: Mapped[str]
    reason: Mapped[str]
    since: Mapped[date]
    until: Mapped[date | None]
    source: Mapped[str]
    state: Mapped[str] = mapped_column(default=FILING.start)
    filed_at: Mapped[datetime]
    filed_by: Mapped[str]
    withdrawn_at: Mapped[datetime | None]
    withdrawal_reason: Mapped[str | None]


class Accumulator(Base):
    """What one year has moved for a person in one scheme, fen. The row that two settlements of a person wait for."""

    __tablename__ = "accumulator"
    __table_args__ = (
        CheckConstraint(
            "admissions >= 0 AND pool >= 0 AND large >= 0 AND serious >= 0 AND aid >= 0 AND own_in_scope >= 0 "
            "AND outpatient_deductible >= 0 AND outpatient_pool >= 0",
            name="never_negative",
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )

    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    insutype: Mapped[str] = mapped_column(primary_key=True)
    admissions: Mapped[int] = mapped_column(default=0)
    pool: Mapped[Money] = mapped_column(default=0)
    large: Mapped[Money] = mapped_column(default=0)
    serious: Mapped[Money] = mapped_column(default=0)
    aid: Mapped[Money] = mapped_column(default=0)
    own_in_scope: Mapped[Money] = mapped_column(default=0)
    outpatient_deductible: Mapped[Money] = mapped_column(default=0)
    outpatient_pool: Mapped[Money] = mapped_column(default=0)


class ChronicUse(Base):
    """What a year's quota of one chronic disease has paid, fen. Locked through the person's Accumulator."""

    __tablename__ = "chronic_use"
    __table_args__ = (CheckConstraint("paid >= 0", name="never_negative"),)

    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    insutype: Mapped[str] = mapped_column(primary_key=True)
    disease: Mapped[str] = mapped_column(primary_key=True)
    paid: Mapped[Money]
