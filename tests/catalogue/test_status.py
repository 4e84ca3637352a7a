from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miner.catalogue import Catalogue
from miner.errors import Reason
from miner.records import Level, MinedObject, MinedStudy, MissingItem, Refused, WorkState
from tests.catalogue.conftest import INFO
from tests.catalogue.made_up import a_study, key, sha

SOME_REASONS = st.sampled_from([Reason.TEXT_ONLY, Reason.OPEN_POLYLINE, Reason.NOT_RETRIEVED, Reason.ANGLE_TOOL])


@st.composite
def mined_studies(draw: st.DrawFn) -> MinedStudy:
    """Studies with any number of objects, whose marks end in any way."""
    mined = a_study(
        str(draw(st.integers(0, 5))), bookmarks=draw(st.integers(0, 3)), slices=range(10, draw(st.integers(11, 14)))
    )
    objects, refused = [], []
    for number in range(draw(st.integers(0, 3))):
        reasons = draw(st.lists(SOME_REASONS, max_size=4))
        used = draw(st.integers(0, 4))
        object_key = key(mined.study_key, number)
        empty = Reason.NO_GRAPHICS if not reasons and not used else None
        total = used + len(reasons)
        objects.append(MinedObject(object_key, "PR", empty, total, used, len(reasons), sha(object_key)))
        refused += [Refused("mark", object_key, reason) for reason in reasons]
    for number in range(draw(st.integers(0, 2))):
        refused.append(Refused("series", key("refused", number), draw(SOME_REASONS)))
    if draw(st.booleans()):
        refused.append(Refused("series", mined.series[0].series_key, Reason.TILTED))
    series = [
        replace(mined.series[0], refusals=draw(st.sampled_from([(), (Reason.GAPPED,), (Reason.TILTED, Reason.GAPPED)])))
    ]
    state, reason = draw(
        st.sampled_from(
            [
                (WorkState.MINED, None),
                (WorkState.PARTIAL, Reason.NOT_RETRIEVED),
                (WorkState.REFUSED, Reason.NO_GRAPHICS),
                (WorkState.FAILED, Reason.INTERNAL),
            ]
        )
    )
    absent = draw(st.sets(st.tuples(st.sampled_from(Level), st.integers(0, 3)), max_size=4))
    missing = [MissingItem(level, key(level, number), "image", Reason.NOT_RETRIEVED) for level, number in absent]
    return replace(mined, state=state, reason=reason, objects=objects, refused=refused, series=series, missing=missing)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.lists(mined_studies(), max_size=8), offered=st.sets(st.integers(0, 9)), claimed=st.integers(0, 9))
def test_the_numbers_add_up(catalogue: Catalogue, batch: list[MinedStudy], offered: set[int], claimed: int) -> None:
    run = catalogue.begin_run(INFO)
    catalogue.offer(run, [key("study", number) for number in sorted(offered)])
    for mined in batch:
        catalogue.commit_study(run, mined)
    catalogue.claim(run, key("study", claimed))
    status = catalogue.status()
    with catalogue._database.reading() as connection:

        def count(query: str) -> int:
            return connection.exec_driver_sql(f"SELECT {query}").scalar_one() or 0

        assert sum(status.studies.values()) == count("count(*) FROM work")
        assert sum(status.objects.values()) == count("count(*) FROM annotation_object")
        assert sum(status.marks.values()) == count("sum(marks) FROM annotation_object")
        assert sum(status.bookmarks.values()) == count("count(DISTINCT uid) FROM bookmark")
        assert sum(status.bookmarks.values()) + status.superseded == count("count(*) FROM bookmark")
        both = "SELECT series_key FROM series UNION SELECT subject_key FROM refusal WHERE subject = 'series'"
        assert sum(status.series.values()) == count(f"count(*) FROM ({both}) AS met")
        assert status.slices == count("count(*) FROM slice")
        assert status.octets == count("sum(png_octets) FROM slice")
        assert status.patients == len(catalogue.release_content().patients)
    for state in ("partial", "failed", "refused"):
        explained = sum(n for word, n in status.study_reasons.items() if word.startswith(f"{state}: "))
        assert explained == status.studies.get(state, 0)
    failed = {entry["study_key"] for entry in status.missing if entry["state"] == WorkState.FAILED}
    with catalogue._database.reading() as connection:
        states = dict(connection.exec_driver_sql("SELECT study_key, state FROM work").all())
        rows = connection.exec_driver_sql("SELECT source_study_key, level, item_key, reason FROM missing").all()
    assert failed == {study for study, state in states.items() if state == WorkState.FAILED}
    named = {(entry["study_key"], entry["level"], entry["key"], entry["reason"]) for entry in status.missing}
    assert len(named) == len(status.missing)
    whole = {(study, "study", study) for study in failed}
    assert {(study, level, item) for study, level, item, _ in named} - whole == {
        (study, level, item) for study, level, item, _ in rows if (level, study in failed) != ("study", True)
    }
    assert sum(status.missing_reasons.values()) == len(status.missing)
    assert 0 not in [*status.studies.values(), *status.marks.values(), *status.objects.values()]
    catalogue.end_run(run, "done", {"studies": len(batch)})
    assert catalogue.status().runs[-1]["counts"] == {"studies": len(batch)}
    assert catalogue.verify_chain() == catalogue.verify_rows() == []


def test_an_empty_catalogue(catalogue: Catalogue) -> None:
    status = catalogue.status()
    assert (status.studies, status.marks, status.slices, status.octets, status.patients) == ({}, {}, 0, 0, 0)
    assert (status.runs, status.missing, status.watermark) == ((), (), None)


def test_traffic_is_that_of_the_last_look(catalogue: Catalogue) -> None:
    run = catalogue.begin_run(INFO)
    for name in ("a", "b", "a"):
        catalogue.commit_study(run, a_study(name))
    assert catalogue.status().traffic["image_octets_used"] == 16_000_000
