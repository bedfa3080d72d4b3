"""Callers, scopes, grants, sealing, sign-in and audit: who may see and do what.

callers.py ....... Caller, scopes, NotAllowed
sealing.py ....... identifiers and raw messages sealed at rest, found by blind index
credentials.py ... how systems prove themselves: tokens, access keys, MLLP peers
sessions.py ...... how people prove themselves: one-time codes, passwords, session cookies
grants.py ........ which organisation may see which person, and admit()
audit.py ......... one row a call, chained in batches afterwards
"""

from hub.trust.audit import Audit, AuditSeal, audit, audit_row, auditing, chain
from hub.trust.callers import SCOPES, Caller, NotAllowed, RecordUnknown, require
from hub.trust.credentials import (
    Credential,
    CredentialRefused,
    Door,
    asking_bearers,
    asking_keyed,
    bearer,
    bearers_in,
    issue_access_key,
    issue_mllp_peer,
    issue_token,
    keyed,
    keyed_in,
    mllp_peer,
    revoke,
    systems_of,
)
from hub.trust.grants import BreakGlassNeedsReason, Grant, acts_for, admit, break_glass, end_grants, grant, granting
from hub.trust.sealing import Keyring, Sealed, SealedBytes, SealedJson, blind, install, seal, unseal
from hub.trust.sessions import (
    CodeExpired,
    CodeWrong,
    OneTimeCode,
    SignInRefused,
    Staff,
    TooManyCodes,
    WebSession,
    add_staff,
    close_session,
    open_session,
    send_code,
    session_caller,
    staff_sign_in,
    verify_code,
)

__all__ = [
    "SCOPES",
    "Audit",
    "AuditSeal",
    "BreakGlassNeedsReason",
    "Caller",
    "CodeExpired",
    "CodeWrong",
    "Credential",
    "CredentialRefused",
    "Door",
    "Grant",
    "Keyring",
    "NotAllowed",
    "OneTimeCode",
    "RecordUnknown",
    "Sealed",
    "SealedBytes",
    "SealedJson",
    "SignInRefused",
    "Staff",
    "TooManyCodes",
    "WebSession",
    "acts_for",
    "add_staff",
    "admit",
    "asking_bearers",
    "asking_keyed",
    "audit",
    "audit_row",
    "auditing",
    "bearer",
    "bearers_in",
    "blind",
    "break_glass",
    "chain",
    "close_session",
    "end_grants",
    "grant",
    "granting",
    "install",
    "issue_access_key",
    "issue_mllp_peer",
    "issue_token",
    "keyed",
    "keyed_in",
    "mllp_peer",
    "open_session",
    "require",
    "revoke",
    "seal",
    "send_code",
    "session_caller",
    "staff_sign_in",
    "systems_of",
    "unseal",
    "verify_code",
]
