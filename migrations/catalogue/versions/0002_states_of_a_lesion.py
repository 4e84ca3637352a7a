"""The states of a lesion: when they were made, what they measured, what their objects say that it is, and where.

Rows that are there get what says that nothing is known; their hashes in the event chain hold (miner.catalogue.ledger).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bookmark", sa.Column("state_order", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("bookmark", sa.Column("history_orders", sa.Text(), server_default="[]", nullable=False))
    op.add_column("bookmark", sa.Column("tracking_key", sa.String(length=64), server_default="", nullable=False))
    op.add_column("bookmark", sa.Column("finding", sa.String(length=60), server_default="", nullable=False))
    op.add_column("bookmark", sa.Column("finding_site", sa.String(length=60), server_default="", nullable=False))
    op.add_column("bookmark", sa.Column("states", sa.Text(), server_default="[]", nullable=False))
    op.add_column("bookmark", sa.Column("present", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("bookmark") as bookmark:
        for name in ("present", "states", "finding_site", "finding", "tracking_key", "history_orders", "state_order"):
            bookmark.drop_column(name)
