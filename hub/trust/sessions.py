"""How people prove themselves: one-time codes for citizens, passwords for staff, sessions for both.

Codes expire, are rate-limited and die after a few wrong tries. Verbs that must count a failure
answer the Fault instead of raising it, so that the count is committed; the door raises it then.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, LargeBinary, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hub.db import Base, identity
from hub.faults import Forbidden, Refused
from hub.trust.callers import CITIZEN_SCOPES, Caller
from hub.trust.credentials import Door

CODE_LASTS = timedelta(minutes=5)
CODE_TRIES = 5
CODE_LIMITS = ((1, timedelta(seconds=60)), (5, timedelta(hours=1)), (15, timedelta(hours=24)))
PASSWORD_TRIES = 5
PASSWORD_PAUSE = timedelta(minutes=10)
SESSION_LASTS = {"citizen": timedelta(days=7), "staff": timedelta(hours=10)}
SESSION_IDLES = {"citizen": timedelta(days=2), "staff": timedelta(hours=2)}


class TooManyCodes(Refused):
    zh = "验证码发送过于频繁，请 {wait_seconds} 秒后再试。"
    en = "Too many codes were asked for. Try again in {wait_seconds} seconds."


class CodeWrong(Forbidden):
    zh = "验证码不对，还可以再试 {left} 次。"
    en = "The code is wrong; {left} tries are left."


class CodeExpired(Forbidden):
    zh = "验证码已失效，请重新获取。"
    en = "The code is no longer valid. Ask for a new one."


class SignInRefused(Forbidden):
    zh = "用户名或密码不对，或账号已暂停。连续输错 5 次将暂停 10 分钟。"
    en = "User name or password is wrong, or the account is paused. Five wrong tries pause it for ten minutes."


class OneTimeCode(Base):
    __tablename__ = "one_time_code"

    id: Mapped[int] = identity()
    person_id: Mapped[int] = mapped_column(index=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]


class Staff(Base):
    __tablename__ = "staff"

    name: Mapped[str] = mapped_column(primary_key=True)
    password_hash: Mapped[str]
    display_name: Mapped[str]
    organisation_id: Mapped[str]
    practitioner_id: Mapped[str | None]
    scopes: Mapped[list[str]]
    wrong_tries: Mapped[int] = mapped_column(default=0)
    paused_until: Mapped[datetime | None]
    left_at: Mapped[datetime | None]


class WebSession(Base):
    __tablename__ = "web_session"
    __table_args__ = (CheckConstraint("(kind = 'citizen') = (person_id IS NOT NULL)", name="kind_has_owner"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    kind: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(index=True)
    acting_for: Mapped[int | None]
    staff_name: Mapped[str | None] = mapped_column(index=True)
    csrf: Mapped[str]
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


def send_code(session: Session, *, person_id: int, at: datetime) -> str:
    """A new six-digit code for a person; earlier ones die. The caller sends it. Refuses: TooManyCodes."""
    session.execute(select(func.pg_advisory_xact_lock(421_102, person_id % 2**31)))
    sent = session.scalars(
        select(OneTimeCode.sent_at)
        .where(OneTimeCode.person_id == person_id, OneTimeCode.sent_at > at - CODE_LIMITS[-1][1])
        .order_by(OneTimeCode.sent_at.desc())
    ).all()
    for most, window in CODE_LIMITS:
        recent = [instant for instant in sent if instant > at - window]
        if len(recent) >= most:
            raise TooManyCodes(wait_seconds=max(1, int((recent[most - 1] + window - at).total_seconds())))
    live = (OneTimeCode.person_id == person_id, OneTimeCode.used_at.is_(None), OneTimeCode.expires_at > at)
    session.execute(update(OneTimeCode).where(*live).values(expires_at=at))
    code = f"{secrets.randbelow(1_000_000):06d}"
    session.add(
        OneTimeCode(person_id=person_id, code_hash=_code_hash(person_id, code), sent_at=at, expires_at=at + CODE_LASTS)
    )
    session.flush()
    return code


def verify_code(session: Session, *, person_id: int, code: str, at: datetime) -> CodeWrong | CodeExpired | None:
    """None when the code is right (it is then used up); else the Fault, answered so that the try is counted."""
    row = session.scalars(
        select(OneTimeCode)
        .where(OneTimeCode.person_id == person_id, OneTimeCode.used_at.is_(None), OneTimeCode.expires_at > at)
        .order_by(OneTimeCode.id.desc())
        .limit(1)
        .with_for_update()
    ).first()
    if row is None or row.tries >= CODE_TRIES:
        return CodeExpired()
    if not hmac.compare_digest(row.code_hash, _code_hash(person_id, code.strip())):
        row.tries += 1
        return CodeWrong(left=CODE_TRIES - row.tries) if row.tries < CODE_TRIES else CodeExpired()
    row.used_at = at
    return None


def add_staff(
    session: Session,
    *,
    name: str,
    password: str,
    display_name: str,
    organisation_id: str,
    scopes: frozenset[str],
    practitioner_id: str | None = None,
) -> Staff:
    """Add or replace the sign-in of a member of staff."""
    row = session.get(Staff, name) or Staff(name=name)
    row.password_hash, row.display_name, row.organisation_id = _password_hash(password), display_name, organisation_id
    row.scopes, row.practitioner_id, row.wrong_tries, row.paused_until = sorted(scopes), practitioner_id, 0, None
    session.add(row)
    session.flush()
    return row


def staff_with(session: Session, organisation_ids: Sequence[str], scope: str) -> list[Staff]:
    """Who works at some organisations, has a scope and has not left, by name."""
    wanted = select(Staff).where(Staff.organisation_id.in_(organisation_ids), Staff.left_at.is_(None))
    return [row for row in session.scalars(wanted.order_by(Staff.name)) if scope in row.scopes]


def staff_names(session: Session, names: Collection[str]) -> dict[str, str]:
    """What members of staff are called, by the name they sign in with; who is no member of staff is left out."""
    wanted = select(Staff.name, Staff.display_name).where(Staff.name.in_(names))
    return {row.name: row.display_name for row in session.execute(wanted)}


def staff_sign_in(session: Session, *, name: str, password: str, at: datetime) -> Staff | SignInRefused:
    """The member of staff, or the Fault, answered so that the wrong try is counted."""
    row = session.scalars(select(Staff).where(Staff.name == name).with_for_update()).first()
    if row is None:
        _password_hash(password)  # takes as long as a real try, so that names cannot be guessed by time
        return SignInRefused()
    if row.left_at is not None or (row.paused_until is not None and row.paused_until > at):
        return SignInRefused()
    if not _password_matches(password, row.password_hash):
        row.wrong_tries += 1
        if row.wrong_tries >= PASSWORD_TRIES:
            row.wrong_tries, row.paused_until = 0, at + PASSWORD_PAUSE
        return SignInRefused()
    row.wrong_tries, row.paused_until = 0, None
    return row


def open_session(
    session: Session, *, at: datetime, person_id: int | None = None, staff_name: str | None = None
) -> tuple[str, WebSession]:
    """A new session cookie value (shown this once) and its row."""
    token = secrets.token_urlsafe(32)
    kind = "citizen" if person_id is not None else "staff"
    row = WebSession(
        token_hash=_token_hash(token),
        kind=kind,
        person_id=person_id,
        staff_name=staff_name,
        csrf=secrets.token_urlsafe(24),
        opened_at=at,
        seen_at=at,
        expires_at=at + SESSION_LASTS[kind],
    )
    session.add(row)
    session.flush()
    return token, row


def close_session(session: Session, token: str) -> None:
    """Sign out: the cookie is worth nothing from now on."""
    row = session.get(WebSession, _token_hash(token))
    if row is not None:
        session.delete(row)


def session_caller(session: Session, token: str, door: Door) -> tuple[Caller, WebSession] | None:
    """The caller behind a session cookie and the session's row; None when it is unknown, idle or over."""
    row = session.get(WebSession, _token_hash(token))
    if row is None or row.expires_at <= door.at or row.seen_at + SESSION_IDLES[row.kind] <= door.at:
        return None
    if door.at - row.seen_at > timedelta(minutes=1):
        row.seen_at = door.at
    if row.kind == "citizen":
        return (
            Caller(
                kind="citizen",
                id=f"person/{row.person_id}",
                at=door.at,
                person_id=row.person_id,
                scopes=CITIZEN_SCOPES,
                purpose="self",
                trace=door.trace,
                door=door.name,
            ),
            row,
        )
    staff = session.get(Staff, row.staff_name)
    if staff is None or staff.left_at is not None:
        return None
    caller = Caller(
        kind="staff",
        id=staff.name,
        at=door.at,
        organisation_id=staff.organisation_id,
        practitioner_id=staff.practitioner_id,
        scopes=frozenset(staff.scopes),
        trace=door.trace,
        door=door.name,
    )
    return caller, row


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _code_hash(person_id: int, code: str) -> bytes:
    return hashlib.sha256(f"{person_id}/{code}".encode()).digest()


def _password_hash(password: str, salt: bytes | None = None) -> str:
    salt = salt or secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
    return f"scrypt${salt.hex()}${digest.hex()}"


def _password_matches(password: str, stored: str) -> bool:
    _, salt, _ = stored.split("$")
    return hmac.compare_digest(stored, _password_hash(password, bytes.fromhex(salt)))
