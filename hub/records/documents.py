"""Letters, care plans and opinions, and the signatures under them.

A document is never changed: whoever wants to say something else writes a new one that replaces it.
Each signature's hash covers the document and the signature before it, so a countersignature
vouches for what was signed and by whom.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, case, exists, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from hub import directory, people, trust
from hub.db import Base, identity
from hub.faults import LONGEST_TEXT, Forbidden, Missing, Unknown, within
from hub.records.access import readable, require_own
from hub.trust import Caller, Sealed

KINDS = ("referral-letter", "outcome-letter", "care-plan", "discharge-summary", "consultation-opinion")


class DocumentUnknown(Unknown):
    zh = "查不到文书（{document}），或您无权查看。"
    en = "No such document ({document}), or you may not see it."


class SignedByAnother(Forbidden):
    zh = "签名人 {signer} 不是当前登录的医师，或不属于本机构。请由本人登录后签名。"
    en = "{signer} is not the practitioner signed in, or not of this organisation. Let them sign in and sign."


class Document(Base):
    __tablename__ = "document"
    __append_only__ = True
    __table_args__ = (
        Index(None, "person_id", "written_at"),
        CheckConstraint(f"kind IN {KINDS}", name="kind_known"),
    )

    id: Mapped[int] = identity()
    organisation_id: Mapped[str]
    person_id: Mapped[int]
    kind: Mapped[str]
    title: Mapped[str]
    text: Mapped[str] = mapped_column(Sealed)
    written_at: Mapped[datetime]
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"), unique=True)
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)


class Signature(Base):
    __tablename__ = "signature"
    __append_only__ = True
    __table_args__ = (
        UniqueConstraint("document_id", "position"),
        UniqueConstraint("document_id", "signer_id"),
        CheckConstraint("role IN ('author', 'countersigner')", name="role_known"),
        CheckConstraint("(position = 1) = (role = 'author')", name="author_first"),
    )

    id: Mapped[int] = identity()
    document_id: Mapped[int] = mapped_column(ForeignKey("document.id"))
    position: Mapped[int]
    role: Mapped[str]
    signer_id: Mapped[str]
    signer_name: Mapped[str]
    organisation_id: Mapped[str]
    signed_at: Mapped[datetime]
    hash: Mapped[bytes] = mapped_column(LargeBinary)


def write_document(
    session: Session,
    caller: Caller,
    *,
    organisation_id: str,
    person_id: int,
    kind: str,
    title: str,
    text: str,
    replaces_id: int | None = None,
) -> Document:
    """A document, not signed yet. Refuses: NotYourRecord, Missing, Invalid."""
    require_own(caller, organisation_id)
    if not text.strip():
        raise Missing(element="text")
    within(text, LONGEST_TEXT, element="text")
    row = Document(
        organisation_id=organisation_id,
        person_id=person_id,
        kind=kind,
        title=title,
        text=text,
        written_at=caller.at,
        replaces_id=replaces_id,
        content_hash=_content_hash(organisation_id, person_id, kind, title, text),
    )
    session.add(row)
    session.flush()
    return row


def sign(session: Session, caller: Caller, *, document_id: int, signer_id: str) -> Signature:
    """Sign as the author, or countersign what others have signed; a second time it changes nothing.

    A member of staff signs as nobody but themselves; a hospital's system names a practitioner of its own.
    The keys (document, position) and (document, signer) decide between two at once.
    Refuses: DocumentUnknown, PractitionerUnknown, SignedByAnother.
    """
    row = session.get(Document, document_id)
    if row is None:
        raise DocumentUnknown(document=document_id)
    signer = directory.practitioner(session, signer_id)
    someone_else = caller.kind == "staff" and caller.practitioner_id != signer_id
    if someone_else or signer.organisation_id != caller.organisation_id:
        raise SignedByAnother(signer=signer_id)
    before = signatures(session, document_id)
    for standing in before:
        if standing.signer_id == signer_id:
            return standing
    role = "countersigner" if before else "author"
    signed = Signature(
        document_id=document_id,
        position=len(before) + 1,
        role=role,
        signer_id=signer_id,
        signer_name=signer.name,
        organisation_id=signer.organisation_id,
        signed_at=caller.at,
        hash=_signature_hash(before[-1].hash if before else b"", row, role, signer_id, caller.at),
    )
    session.add(signed)
    session.flush()
    return signed


def document(session: Session, caller: Caller, document_id: int) -> Document:
    """One document; whoever wrote or signed it may read it. Refuses: NotAllowed, DocumentUnknown."""
    trust.require(caller, "records.read")
    row = session.get(Document, document_id)
    if row is None:
        raise DocumentUnknown(document=document_id)
    if caller.organisation_id in {signed.organisation_id for signed in signatures(session, document_id)}:
        return row
    try:
        trust.admit(session, caller, people.cluster(session, row.person_id), "document", owner=row.organisation_id)
    except trust.RecordUnknown:
        raise DocumentUnknown(document=document_id) from None
    return row


def documents(session: Session, caller: Caller, *, person_id: int) -> Sequence[Document]:
    """The documents of one human that stand, newest first: signed (an opinion: countersigned), replaced by none.

    Refuses: NotAllowed, RecordUnknown.
    """
    trust.require(caller, "records.read")
    persons = people.cluster(session, person_id)
    later = aliased(Document)
    by_whom = case((Document.kind == "consultation-opinion", "countersigner"), else_="author")
    wanted = select(Document).where(
        Document.person_id.in_(persons),
        exists().where(Signature.document_id == Document.id, Signature.role == by_whom),
        ~exists().where(later.replaces_id == Document.id),
    )
    rows = session.scalars(wanted.order_by(Document.written_at.desc(), Document.id.desc())).all()
    return readable(session, caller, persons, "document", rows)


def signatures(session: Session, document_id: int) -> Sequence[Signature]:
    """The signatures under a document that the caller has been given, the author's first."""
    rows = select(Signature).where(Signature.document_id == document_id)
    return session.scalars(rows.order_by(Signature.position)).all()


def is_intact(row: Document, signed: Sequence[Signature]) -> bool:
    """Whether the text is what was signed, and every signature stands on the one before it."""
    if row.content_hash != _content_hash(row.organisation_id, row.person_id, row.kind, row.title, row.text):
        return False
    previous = b""
    for each in signed:
        if each.hash != _signature_hash(previous, row, each.role, each.signer_id, each.signed_at):
            return False
        previous = each.hash
    return True


def _content_hash(*content: Any) -> bytes:
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).digest()


def _signature_hash(previous: bytes, row: Document, role: str, signer_id: str, signed_at: datetime) -> bytes:
    words = f"{row.id}\n{role}\n{signer_id}\n{signed_at.astimezone(UTC).isoformat()}".encode()
    return hashlib.sha256(previous + row.content_hash + words).digest()
