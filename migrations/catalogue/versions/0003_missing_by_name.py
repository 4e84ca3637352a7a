"""What is missing, by name; octets of images that were looked at only, and of objects that nobody asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "missing",
        sa.Column("source_study_key", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("item_key", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.CheckConstraint("level IN ('study', 'series', 'object')", name=op.f("ck_missing_level")),
        sa.ForeignKeyConstraint(["source_study_key"], ["work.study_key"], name=op.f("fk_missing_source_study_key")),
        sa.PrimaryKeyConstraint("source_study_key", "level", "item_key", name=op.f("pk_missing")),
    )
    op.create_index(op.f("ix_missing_level_reason"), "missing", ["level", "reason"], unique=False)
    op.add_column("work", sa.Column("looked_octets", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("work", sa.Column("extra_octets", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("work") as work:
        work.drop_column("extra_octets")
        work.drop_column("looked_octets")
    op.drop_table("missing")
