from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.deid.head import HEAD, body_part, is_head

HEADS = [
    *("HEAD", "head", "HEADNECK", "NECK", "BRAIN", "SKULL", "FACE", "ORBIT", "IAC", "EAR", "EYE", "JAW", "MAXILLA"),
    *(
        "NECKCHESTABDPELVIS",
        "CSPINE",
        "C-SPINE",
        "C_SPINE",
        "C SPINE",
        "CERVICAL SPINE",
        "CTSPINE",
        "HEAD W/O CONTRAST",
    ),
    *(
        "Kopf",
        "Schädel",
        "SCHAEDEL",
        "Hals",
        "crâne",
        "TÊTE",
        "Cabeza",
        "CRÁNEO",
        "cabeça",
        "pescoço",
        "TESTA",
        "HOOFD",
    ),
    *("PARANASAL SINUS", "Temporal bone", "CIRCLE OF WILLIS", "THYROID", "Gesichtsschädel", "HEAD&NECK", "ct_head"),
]
BODIES = ["", "CHEST", "ABDOMEN", "PELVIS", "LSPINE", "THORACIC SPINE", "CT SPINE", "HEART", "FOREARM", "WHOLEBODY"]


@pytest.mark.parametrize("said", HEADS)
def test_whatever_names_the_head_is_the_head(said: str) -> None:
    assert is_head(said)
    assert body_part(said) == HEAD
    assert is_head(body_part(said))


@pytest.mark.parametrize("said", BODIES)
def test_the_rest_is_not(said: str) -> None:
    assert not is_head(said)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        *(("CHEST", "CHEST"), ("chest", "CHEST"), ("CHEST ABDOMEN", "CHESTABDOMEN"), ("WHOLE_BODY", "WHOLEBODY")),
        *(("SMITH^JOHN", ""), ("CHEST SMITH", ""), ("4711", ""), ("", ""), ("ROOM 3", "")),
    ],
)
def test_only_words_of_the_vocabulary_leave(said: str, kept: str) -> None:
    assert body_part(said) == kept


@given(st.text())
def test_no_text_gets_through(text: str) -> None:
    kept = body_part(text)
    assert kept == "" or (kept.isascii() and kept.isupper())
    assert is_head(text) == (kept == HEAD)
