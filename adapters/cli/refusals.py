"""Which exceptions are something a person can act on: those become one sentence, all others are bugs."""

NOT_ALLOWED = "42501"


def sentence_of(trouble: Exception) -> str | None:
    """The sentence to print, or None for a bug."""
    from pydantic import ValidationError
    from sqlalchemy.exc import DBAPIError, OperationalError

    from adapters.embedded_postgres import PostgresError
    from adapters.keys import KeyMissing
    from adapters.supervisor import CannotStart
    from hub.faults import Fault

    if isinstance(trouble, Fault):
        return f"{trouble.sentence('en')} ({trouble.code})"
    if isinstance(trouble, PostgresError | KeyMissing | CannotStart):
        return str(trouble)
    if isinstance(trouble, ValidationError):
        first = trouble.errors()[0]
        return f"ONECARD_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}"
    if isinstance(trouble, DBAPIError) and getattr(trouble.orig, "sqlstate", None) == NOT_ALLOWED:
        return (
            f"the database does not allow it: {str(trouble.orig).splitlines()[0]}. If it is about roles, let its "
            "administrator run: CREATE ROLE onecard_app NOLOGIN; GRANT onecard_app TO <the owner of the database>"
        )
    if isinstance(trouble, OperationalError) and 'role "onecard_app" does not exist' in str(trouble.orig):
        return "the database is empty: run `onecard migrate`"
    if isinstance(trouble, OperationalError):
        return f"the database cannot be reached: {str(trouble.orig).strip()}"
    return None
