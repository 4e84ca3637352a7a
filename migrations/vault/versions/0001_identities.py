"""Identities, sealed, and the value that shows whether the key is the right one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(64), nullable=False, comment="the surrogate"),
        sa.Column(
            "sealed", sa.LargeBinary, nullable=False, comment="who it stands for: nonce and AES-256-GCM ciphertext"
        ),
        sa.PrimaryKeyConstraint("kind", "key", name="pk_identity"),
        sa.CheckConstraint(
            "kind IN ('patient', 'study', 'series', 'instance', 'object')", name=op.f("ck_identity_kind")
        ),
    )
    op.create_table(
        "key_check",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column(
            "sealed",
            sa.LargeBinary,
            nullable=False,
            comment="a constant: shows at opening whether the key is the right one",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_key_check"),
        sa.CheckConstraint("id = 1", name=op.f("ck_key_check_one_row")),
    )


def downgrade() -> None:
    op.drop_table("key_check")
    op.drop_table("identity")
