"""Withdrawn patients, the key that a catalogue belongs to, and what is known of text in the pixels of a series."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "withdrawal",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("patient_key", sa.String(length=64), nullable=False),
        sa.Column("time", sa.String(length=40), nullable=False),
        sa.Column("patient_index", sa.Integer(), nullable=True),
        sa.Column("releases", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("finished", sa.Integer(), nullable=False),
        sa.Column("told_in", sa.Integer(), nullable=True),
        sa.CheckConstraint("finished IN (0, 1)", name=op.f("ck_withdrawal_finished")),
        sa.ForeignKeyConstraint(["told_in"], ["release.number"], name=op.f("fk_withdrawal_told_in")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_withdrawal")),
        sa.UniqueConstraint("patient_key", name=op.f("uq_withdrawal_patient_key")),
    )
    op.add_column("catalogue", sa.Column("key_check", sa.String(length=64), nullable=True))
    with op.batch_alter_table("series") as series:
        series.add_column(sa.Column("pixel_review", sa.String(length=16), server_default="header", nullable=False))
        series.add_column(sa.Column("pixel_findings", sa.Text(), server_default="[]", nullable=False))
        series.create_check_constraint(
            op.f("ck_series_pixel_review"),
            "pixel_review IN ('header', 'searched', 'quarantined', 'passed', 'rejected')",
        )


def downgrade() -> None:
    with op.batch_alter_table("series") as series:
        series.drop_constraint(op.f("ck_series_pixel_review"), type_="check")
        series.drop_column("pixel_findings")
        series.drop_column("pixel_review")
    op.drop_column("catalogue", "key_check")
    op.drop_table("withdrawal")
