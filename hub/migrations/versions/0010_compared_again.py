"""A hospital's statement may be compared again another morning."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.drop_constraint("comparison_hospital_id_key", "comparison")
    op.create_index("comparison_hospital_id_idx", "comparison", ["hospital_id"])
