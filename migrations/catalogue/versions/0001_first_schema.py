"""The catalogue's first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The chain's head only ever moves forward, and an event is written once: both databases refuse anything else.
_SQLITE_TRIGGERS = (
    """CREATE TRIGGER event_never_updated BEFORE UPDATE ON event
       BEGIN SELECT RAISE(ABORT, 'events are append-only'); END""",
    """CREATE TRIGGER event_never_deleted BEFORE DELETE ON event
       BEGIN SELECT RAISE(ABORT, 'events are append-only'); END""",
    """CREATE TRIGGER chain_only_grows BEFORE UPDATE ON chain WHEN NEW.events <= OLD.events
       BEGIN SELECT RAISE(ABORT, 'the chain only grows'); END""",
    """CREATE TRIGGER chain_never_deleted BEFORE DELETE ON chain
       BEGIN SELECT RAISE(ABORT, 'the chain only grows'); END""",
)
_POSTGRESQL_TRIGGERS = (
    """CREATE FUNCTION catalogue_append_only() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the event chain is append-only'; END $$""",
    """CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event
       FOR EACH ROW EXECUTE FUNCTION catalogue_append_only()""",
    """CREATE TRIGGER event_never_emptied BEFORE TRUNCATE ON event
       FOR EACH STATEMENT EXECUTE FUNCTION catalogue_append_only()""",
    """CREATE TRIGGER chain_only_grows BEFORE UPDATE ON chain
       FOR EACH ROW WHEN (NEW.events <= OLD.events) EXECUTE FUNCTION catalogue_append_only()""",
    """CREATE TRIGGER chain_never_deleted BEFORE DELETE ON chain
       FOR EACH ROW EXECUTE FUNCTION catalogue_append_only()""",
    """CREATE TRIGGER chain_never_emptied BEFORE TRUNCATE ON chain
       FOR EACH STATEMENT EXECUTE FUNCTION catalogue_append_only()""",
)


def upgrade() -> None:
    op.create_table(
        "chain",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_chain_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain")),
    )
    op.create_table(
        "pacs_profile",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_pacs_profile")),
    )
    op.create_table(
        "patient",
        sa.Column("patient_key", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("patient_index", sa.Integer(), nullable=True),
        sa.Column("split", sa.Integer(), nullable=True),
        sa.CheckConstraint("(patient_index IS NULL) = (split IS NULL)", name=op.f("ck_patient_published")),
        sa.CheckConstraint("split IN (1, 2, 3)", name=op.f("ck_patient_split")),
        sa.PrimaryKeyConstraint("patient_key", name=op.f("pk_patient")),
        sa.UniqueConstraint("patient_index", name=op.f("uq_patient_patient_index")),
    )
    op.create_table(
        "release",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("time", sa.String(length=40), nullable=False),
        sa.Column("software", sa.String(length=60), nullable=False),
        sa.Column("rules_digest", sa.String(length=64), nullable=False),
        sa.Column("deid_profile", sa.Text(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_release")),
    )
    op.create_table(
        "run",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("started", sa.String(length=40), nullable=False),
        sa.Column("ended", sa.String(length=40), nullable=True),
        sa.Column("outcome", sa.String(length=60), nullable=True),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=60), nullable=False),
        sa.Column("config_digest", sa.String(length=64), nullable=False),
        sa.Column("rules_digest", sa.String(length=64), nullable=False),
        sa.Column("deid_profile", sa.Text(), nullable=False),
        sa.Column("pacs_profile_digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_run")),
    )
    op.create_table(
        "catalogue",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("first_patient_index", sa.Integer(), nullable=False),
        sa.Column("last_patient_index", sa.Integer(), nullable=False),
        sa.Column("watermark", sa.Date(), nullable=True),
        sa.Column("profile_digest", sa.String(length=64), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_catalogue_single")),
        sa.ForeignKeyConstraint(["profile_digest"], ["pacs_profile.digest"], name=op.f("fk_catalogue_profile_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue")),
    )
    op.create_table(
        "event",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("time", sa.String(length=40), nullable=False),
        sa.Column("activity", sa.String(length=60), nullable=False),
        sa.Column("entity", sa.String(length=120), nullable=False),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_event_run")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_entity"), "event", ["entity"], unique=False)

    op.create_table(
        "lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("process_started", sa.String(length=60), nullable=False),
        sa.Column("heartbeat", sa.Double(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_lease_single")),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_lease_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
    )
    op.create_table(
        "release_row",
        sa.Column("csv", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("uid", sa.String(length=64), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("first_release", sa.Integer(), nullable=False),
        sa.CheckConstraint("csv IN ('DL_info', 'bookmarks')", name=op.f("ck_release_row_csv")),
        sa.ForeignKeyConstraint(["first_release"], ["release.number"], name=op.f("fk_release_row_first_release")),
        sa.PrimaryKeyConstraint("csv", "position", name=op.f("pk_release_row")),
        sa.UniqueConstraint("csv", "uid", name=op.f("uq_release_row_csv_uid")),
    )
    op.create_table(
        "study",
        sa.Column("study_key", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("patient_key", sa.String(length=64), nullable=False),
        sa.Column("time_order", sa.BigInteger(), nullable=False),
        sa.Column("sex", sa.String(length=1), nullable=False),
        sa.Column("age", sa.Integer(), nullable=True),
        sa.Column("study_index", sa.Integer(), nullable=True),
        sa.CheckConstraint("sex IN ('M', 'F', 'O')", name=op.f("ck_study_sex")),
        sa.ForeignKeyConstraint(["patient_key"], ["patient.patient_key"], name=op.f("fk_study_patient_key")),
        sa.PrimaryKeyConstraint("study_key", name=op.f("pk_study")),
        sa.UniqueConstraint("patient_key", "study_index", name=op.f("uq_study_patient_key_study_index")),
    )
    op.create_table(
        "work",
        sa.Column("study_key", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("patient_key", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("annotations_digest", sa.String(length=64), nullable=False),
        sa.Column("objects_asked", sa.BigInteger(), nullable=False),
        sa.Column("objects_arrived", sa.BigInteger(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("image_octets", sa.BigInteger(), nullable=False),
        sa.Column("image_octets_used", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.CheckConstraint("state IN ('found', 'mined', 'partial', 'refused', 'failed')", name=op.f("ck_work_state")),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_work_run")),
        sa.PrimaryKeyConstraint("study_key", name=op.f("pk_work")),
    )
    op.create_index(op.f("ix_work_state_reason"), "work", ["state", "reason"], unique=False)

    op.create_table(
        "annotation_object",
        sa.Column("source_study_key", sa.String(length=64), nullable=False),
        sa.Column("object_key", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("marks", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.CheckConstraint("marks = used + refused", name=op.f("ck_annotation_object_marks")),
        sa.ForeignKeyConstraint(
            ["source_study_key"], ["work.study_key"], name=op.f("fk_annotation_object_source_study_key")
        ),
        sa.PrimaryKeyConstraint("source_study_key", "object_key", name=op.f("pk_annotation_object")),
    )
    op.create_table(
        "claim",
        sa.Column("study_key", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.number"], name=op.f("fk_claim_run")),
        sa.ForeignKeyConstraint(["study_key"], ["work.study_key"], name=op.f("fk_claim_study_key")),
        sa.PrimaryKeyConstraint("study_key", name=op.f("pk_claim")),
    )
    op.create_index(op.f("ix_claim_run"), "claim", ["run"], unique=False)

    op.create_table(
        "refusal",
        sa.Column("source_study_key", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("subject_key", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.CheckConstraint("subject IN ('mark', 'object', 'series', 'slice')", name=op.f("ck_refusal_subject")),
        sa.ForeignKeyConstraint(["source_study_key"], ["work.study_key"], name=op.f("fk_refusal_source_study_key")),
        sa.PrimaryKeyConstraint("source_study_key", "subject", "subject_key", "reason", name=op.f("pk_refusal")),
    )
    op.create_table(
        "series",
        sa.Column("series_key", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("study_key", sa.String(length=64), nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("slices", sa.Integer(), nullable=False),
        sa.Column("spacing_x", sa.Double(), nullable=False),
        sa.Column("spacing_y", sa.Double(), nullable=False),
        sa.Column("spacing_z", sa.Double(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("orientation", sa.Text(), nullable=True),
        sa.Column("image_columns", sa.Integer(), nullable=False),
        sa.Column("image_rows", sa.Integer(), nullable=False),
        sa.Column("value_rule", sa.String(length=60), nullable=False),
        sa.Column("policy", sa.String(length=60), nullable=False),
        sa.Column("refusals", sa.Text(), nullable=False),
        sa.Column("numbering_digest", sa.String(length=64), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["study_key"], ["study.study_key"], name=op.f("fk_series_study_key")),
        sa.PrimaryKeyConstraint("series_key", name=op.f("pk_series")),
        sa.UniqueConstraint("study_key", "series_id", name=op.f("uq_series_study_key_series_id")),
    )
    op.create_table(
        "bookmark",
        sa.Column("source_study_key", sa.String(length=64), nullable=False),
        sa.Column("uid", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("series_key", sa.String(length=64), nullable=False),
        sa.Column("key_slice", sa.Integer(), nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("length_mm", sa.Double(), nullable=True),
        sa.Column("short_mm", sa.Double(), nullable=True),
        sa.Column("text_mm", sa.Double(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("encoding", sa.String(length=60), nullable=False),
        sa.Column("doubts", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.Column("window_low", sa.Double(), nullable=False),
        sa.Column("window_high", sa.Double(), nullable=False),
        sa.Column("window_source", sa.String(length=60), nullable=False),
        sa.Column("first_slice", sa.Integer(), nullable=False),
        sa.Column("last_slice", sa.Integer(), nullable=False),
        sa.Column("merged", sa.Integer(), nullable=False),
        sa.Column("object_key", sa.String(length=64), nullable=False),
        sa.Column("history_keys", sa.Text(), nullable=False),
        sa.Column("published_in", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "encoding IN ('gsps-polyline', 'gsps-display', 'gsps-compound', 'gsps-text', 'gsps-circle', "
            "'gsps-ellipse', 'gsps-interpolated', 'sr-tid1500', 'sr-scoord3d', 'private-model')",
            name=op.f("ck_bookmark_encoding"),
        ),
        sa.CheckConstraint("kind IN ('recist', 'line', 'arrow', 'ellipse', 'polygon')", name=op.f("ck_bookmark_kind")),
        sa.CheckConstraint(
            "window_source IN ('header', 'presentation-state', 'default')", name=op.f("ck_bookmark_window_source")
        ),
        sa.ForeignKeyConstraint(["published_in"], ["release.number"], name=op.f("fk_bookmark_published_in")),
        sa.ForeignKeyConstraint(["series_key"], ["series.series_key"], name=op.f("fk_bookmark_series_key")),
        sa.ForeignKeyConstraint(["source_study_key"], ["work.study_key"], name=op.f("fk_bookmark_source_study_key")),
        sa.PrimaryKeyConstraint("source_study_key", "uid", name=op.f("pk_bookmark")),
    )
    op.create_index(op.f("ix_bookmark_series_key"), "bookmark", ["series_key"], unique=False)
    op.create_index(op.f("ix_bookmark_uid"), "bookmark", ["uid"], unique=False)

    op.create_table(
        "slice",
        sa.Column("series_key", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=200), nullable=False),
        sa.Column("instance_key", sa.String(length=64), nullable=False),
        sa.Column("png_sha256", sa.String(length=64), nullable=False),
        sa.Column("png_octets", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["series_key"], ["series.series_key"], name=op.f("fk_slice_series_key")),
        sa.PrimaryKeyConstraint("series_key", "number", name=op.f("pk_slice")),
    )
    for statement in _POSTGRESQL_TRIGGERS if op.get_bind().dialect.name == "postgresql" else _SQLITE_TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("slice")
    op.drop_table("bookmark")
    op.drop_table("series")
    op.drop_table("refusal")
    op.drop_table("claim")
    op.drop_table("annotation_object")
    op.drop_table("work")
    op.drop_table("study")
    op.drop_table("release_row")
    op.drop_table("lease")
    op.drop_table("event")
    op.drop_table("catalogue")
    op.drop_table("run")
    op.drop_table("release")
    op.drop_table("patient")
    op.drop_table("pacs_profile")
    op.drop_table("chain")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION catalogue_append_only()")
