"""How systems prove themselves: bearer tokens, access keys of the national interface, MLLP peers.

A token is stored as its SHA-256 (it has 256 bits of its own, so a slow hash would add nothing); an
access key is sealed, since the door must compute signatures with it; an MLLP peer is known by its
address together with MSH-3 and MSH-4.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, Statement, identity, run
from hub.faults import Forbidden
from hub.trust.callers import Caller
from hub.trust.sealing import Sealed, unseal


class CredentialRefused(Forbidden):
    zh = "系统凭据无效或已停用（{what}）。请联系区域平台运维核对。"
    en = "This credential is not valid or has been revoked ({what}). Ask the hub's operators to check it."


class Credential(Base):
    __tablename__ = "credential"
    __table_args__ = (
        UniqueConstraint("kind", "name"),
        Index("credential_token_key", "token_hash", unique=True),
        Index("credential_peer_idx", "address", "application", "facility"),
        CheckConstraint("kind IN ('token', 'access-key', 'mllp-peer')", name="kind_known"),
    )

    id: Mapped[int] = identity()
    kind: Mapped[str]
    name: Mapped[str]
    organisation_id: Mapped[str]
    scopes: Mapped[list[str]]
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    secret: Mapped[str | None] = mapped_column(Sealed)
    address: Mapped[str | None]
    application: Mapped[str | None]
    facility: Mapped[str | None]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Door:
    """What a door knows of a call before it knows the caller: when, through which door, under which trace."""

    at: datetime
    name: str
    trace: str = ""


def issue_token(
    session: Session, *, name: str, organisation_id: str, scopes: frozenset[str], at: datetime, token: str | None = None
) -> str:
    """A new bearer token, shown this once. A name that exists already gets its token replaced."""
    token = token or "och_" + secrets.token_urlsafe(32)
    _replace(
        session, kind="token", name=name, organisation_id=organisation_id, scopes=scopes, at=at, token_hash=_hash(token)
    )
    return token


def systems_of(session: Session, organisation_id: str) -> list[str]:
    """The names under which the systems of an institution call, revoked ones too."""
    wanted = select(Credential.name).where(Credential.organisation_id == organisation_id)
    return list(session.scalars(wanted.distinct()))


def issue_access_key(
    session: Session,
    *,
    name: str,
    organisation_id: str,
    scopes: frozenset[str],
    at: datetime,
    secret: str | None = None,
) -> str:
    """The secret of an access key called `name`; kept sealed because signatures are computed with it."""
    secret = secret or secrets.token_urlsafe(32)
    _replace(
        session, kind="access-key", name=name, organisation_id=organisation_id, scopes=scopes, at=at, secret=secret
    )
    return secret


def issue_mllp_peer(
    session: Session,
    *,
    organisation_id: str,
    address: str,
    application: str,
    facility: str,
    scopes: frozenset[str],
    at: datetime,
) -> None:
    """Let the system at `address` speak as MSH-3 `application`, MSH-4 `facility`."""
    name = f"{address}/{application}/{facility}"
    _replace(
        session,
        kind="mllp-peer",
        name=name,
        organisation_id=organisation_id,
        scopes=scopes,
        at=at,
        address=address,
        application=application,
        facility=facility,
    )


def revoke(session: Session, *, kind: str, name: str, at: datetime) -> None:
    """From now on this credential is refused. Refuses: CredentialRefused when there is none."""
    row = session.scalars(select(Credential).where(Credential.kind == kind, Credential.name == name)).first()
    if row is None:
        raise CredentialRefused(what=name)
    row.revoked_at = at


def bearer(session: Session, token: str, door: Door) -> Caller:
    """The caller behind a bearer token. Refuses: CredentialRefused."""
    return _caller(session, Credential.token_hash == _hash(token), what="Bearer", door=door)


def asking_bearers(tokens: Iterable[str]) -> Statement:
    """Asks for the callers behind many tokens, for a door that runs it together with others."""
    return _BEARERS, {"hashes": list({_hash(token) for token in tokens})}


def bearers_in(rows: Iterable[Any], asked: Sequence[tuple[str, Door]]) -> list[Caller | CredentialRefused]:
    """The callers behind many tokens, or for each the Fault, from the rows of `asking_bearers`."""
    known = {row.token_hash: row for row in rows}
    return [
        _as_caller(known[found], at) if (found := _hash(token)) in known else CredentialRefused(what="Bearer")
        for token, at in asked
    ]


def keyed(session: Session, access_keys: Iterable[str], door: Door) -> dict[str, tuple[Caller, str]]:
    """The callers behind access keys, each with the secret to check signatures with; keys nobody holds are left out."""
    return keyed_in(run(session, *asking_keyed(access_keys)), door)


def asking_keyed(access_keys: Iterable[str]) -> Statement:
    """What `keyed` runs, for a door that runs it together with others; `keyed_in` reads its rows."""
    return _BY_ACCESS_KEY, {"names": list(access_keys)}


def keyed_in(rows: Iterable[Any], door: Door) -> dict[str, tuple[Caller, str]]:
    """What `keyed` answers, from the rows of `asking_keyed`."""
    return {row.name: (_as_caller(row, door), unseal(row.secret).decode()) for row in rows}


def mllp_peer(session: Session, *, address: str, application: str, facility: str, door: Door) -> Caller:
    """The caller at an address speaking as MSH-3, MSH-4. Refuses: CredentialRefused."""
    known = (
        (Credential.kind == "mllp-peer")
        & (Credential.address == address)
        & (Credential.application == application)
        & (Credential.facility == facility)
    )
    return _caller(session, known, what=f"{address} MSH-3={application} MSH-4={facility}", door=door)


def _caller(session: Session, known, *, what: str, door: Door) -> Caller:  # type: ignore[no-untyped-def]
    row = session.scalars(select(Credential).where(known)).first()
    if row is None or row.revoked_at is not None:
        raise CredentialRefused(what=what)
    return _as_caller(row, door)


def _as_caller(row: Any, door: Door) -> Caller:
    return Caller(
        kind="system",
        id=row.name,
        at=door.at,
        organisation_id=row.organisation_id,
        scopes=frozenset(row.scopes),
        trace=door.trace,
        door=door.name,
    )


def _replace(
    session: Session,
    *,
    kind: str,
    name: str,
    organisation_id: str,
    scopes: frozenset[str],
    at: datetime,
    **proof: object,
) -> None:
    row = session.scalars(select(Credential).where(Credential.kind == kind, Credential.name == name)).first()
    if row is None:
        row = Credential(kind=kind, name=name, created_at=at)
        session.add(row)
    row.organisation_id, row.scopes, row.revoked_at = organisation_id, sorted(scopes), None
    for field, value in proof.items():
        setattr(row, field, value)
    session.flush()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


_BY_ACCESS_KEY = """
SELECT name, organisation_id, scopes, secret FROM credential
 WHERE kind = 'access-key' AND name = ANY(%(names)s::text[]) AND revoked_at IS NULL"""

_BEARERS = """
SELECT token_hash, name, organisation_id, scopes FROM credential
 WHERE kind = 'token' AND token_hash = ANY(%(hashes)s::bytea[]) AND revoked_at IS NULL"""
