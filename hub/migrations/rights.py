"""What the running app may do: everything with rows, nothing with tables, and history only grows."""

from sqlalchemy import Connection, text

from hub.db import Base, append_only_tables

APP_ROLE = "onecard_app"

# Roles belong to the whole server, so two databases migrated at once may both try.
_CREATE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'onecard_app') THEN
        CREATE ROLE onecard_app NOLOGIN;
    END IF;
    IF NOT pg_has_role(current_user, 'onecard_app', 'MEMBER') THEN
        GRANT onecard_app TO CURRENT_USER;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

# The trigger stops the owner too, whom no missing right would stop.
_REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted; correct by adding', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$
"""


def create_role(connection: Connection) -> None:
    """Make `onecard_app` if the server does not have it, and let us work as it. Repeatable."""
    connection.execute(text(_CREATE_ROLE))


def grant_rights(connection: Connection) -> None:
    """Set the rights of `onecard_app` on every table that the models know. Repeatable."""
    create_role(connection)
    connection.execute(text(_REFUSE_CHANGE))
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}"))
    connection.execute(text(f"GRANT SELECT ON alembic_version TO {APP_ROLE}"))
    connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}"))
    history = set(append_only_tables())
    for table in sorted(Base.metadata.tables):
        connection.execute(text(f'REVOKE ALL ON "{table}" FROM {APP_ROLE}'))
        rights = "SELECT, INSERT" if table in history else "SELECT, INSERT, UPDATE, DELETE"
        connection.execute(text(f'GRANT {rights} ON "{table}" TO {APP_ROLE}'))
        if table in history:
            connection.execute(
                text(
                    f'CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table}" '
                    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
                )
            )
