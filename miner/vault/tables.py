"""The vault's tables. Their history is in ``migrations/vault``."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s", "pk": "pk_%(table_name)s"})

identity = Table(
    "identity",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("key", String(64), primary_key=True, comment="the surrogate"),
    Column("sealed", LargeBinary, nullable=False, comment="who it stands for: nonce and AES-256-GCM ciphertext"),
    CheckConstraint("kind IN ('patient', 'study', 'series', 'instance', 'object')", name="kind"),
)

key_check = Table(
    "key_check",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column(
        "sealed", LargeBinary, nullable=False, comment="a constant: shows at opening whether the key is the right one"
    ),
    CheckConstraint("id = 1", name="one_row"),
)
