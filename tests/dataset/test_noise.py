from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.dataset import noise
from miner.records import Doubt, PixelFacts
from tests.dataset.making import make

CLEAN = PixelFacts(40.0, 20.0, -10.0, 1.0, (0.5, 0.5), body_found=True)


def reasons(**changes: object) -> tuple[Doubt, ...]:
    return noise.reasons(make(**changes).bookmark)  # type: ignore[arg-type]


def test_a_clean_lesion_has_no_reason_and_is_never_noisy() -> None:
    assert reasons() == ()
    assert not noise.is_noisy((), 0.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"length_mm": 0.5}, Doubt.AREA),
        ({"length_mm": 400.0, "short_mm": 300.0}, Doubt.AREA),
        ({"length_mm": 20.0, "short_mm": 1.0}, Doubt.ASPECT),
        ({"facts": replace(CLEAN, std_hu=0.5)}, Doubt.CONTRAST),
        ({"facts": replace(CLEAN, mean_hu=-9.0, std_hu=5.0)}, Doubt.CONTRAST),
        ({"facts": replace(CLEAN, body_fraction=0.1)}, Doubt.OFF_BODY),
        ({"doubts": (Doubt.TEXT_MISMATCH,)}, Doubt.TEXT_MISMATCH),
    ],
)
def test_each_reason(changes: dict[str, object], reason: Doubt) -> None:
    assert reasons(**changes) == (reason,)


def test_texture_with_its_surroundings_mean_is_no_lack_of_contrast() -> None:
    assert reasons(facts=replace(CLEAN, mean_hu=-9.0, std_hu=25.0)) == ()


def test_where_no_body_is_found_nothing_is_off_it() -> None:
    assert reasons(facts=replace(CLEAN, body_fraction=0.0, body_found=False)) == ()


def test_a_thin_cross_is_counted_once() -> None:
    assert reasons(length_mm=20.0, short_mm=1.0, doubts=(Doubt.AXIS_RATIO,)) == (Doubt.AXIS_RATIO,)


def test_every_doubt_has_a_weight() -> None:
    assert set(noise.WEIGHTS) == set(Doubt)
    assert all(0 <= weight < 1 for weight in noise.WEIGHTS.values())


def test_weights_add_up_as_independent_evidence() -> None:
    assert noise.score((Doubt.ANGLE, Doubt.ASPECT)) == pytest.approx(1 - 0.7 * 0.7)
    assert not noise.is_noisy((Doubt.ANGLE,), 0.5)
    assert noise.is_noisy((Doubt.ANGLE, Doubt.ASPECT), 0.5)
    assert noise.is_noisy((Doubt.CONTESTED,), 0.5)


@given(st.sets(st.sampled_from(list(Doubt))), st.sampled_from(list(Doubt)))
def test_more_evidence_never_lowers_the_score(found: set[Doubt], more: Doubt) -> None:
    assert noise.score(tuple(found | {more})) >= noise.score(tuple(found)) - 1e-12
