"""Every table of the region's rooms, as they stood at the first release."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    sql = Path(__file__).with_suffix(".sql").read_text(encoding="utf8")
    op.get_bind().exec_driver_sql(sql)
