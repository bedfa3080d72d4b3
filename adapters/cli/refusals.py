"""Which exceptions are something a person can act on: those become one sentence, all others are bugs."""


def sentence_of(trouble: Exception) -> str | None:
    """The sentence to print, or None for a bug."""
    from pydantic import ValidationError
    from sqlalchemy.exc import OperationalError

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
    if isinstance(trouble, OperationalError):
        return f"the database cannot be reached: {str(trouble.orig).strip()}"
    return None
