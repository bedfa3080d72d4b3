"""Every table of the region's rooms."""

from alembic import op

from hub.db import Base

revision = "0001"
down_revision = None


def upgrade() -> None:
    Base.metadata.create_all(op.get_bind())
