"""The corpus: large enough, everywhere, and really in the objects."""

from __future__ import annotations

from collections import Counter
from io import BytesIO

from pydicom import dcmread

from tests.canaries.canary import Kind
from tests.canaries.corpus import Corpus
from tests.canaries.scanner import Scanner

NAMES_OF_FILES = ("folder name of file", "file name of file")
"""Places that the pipeline adds where it exports the objects into a folder."""


def test_size(corpus: Corpus) -> None:
    canaries, places = corpus.aviary.canaries, corpus.aviary.places
    print(f"\n{len(canaries)} canaries in {len(places)} places of {len(corpus.files)} objects")
    assert len(canaries) >= 1500
    assert len(places) >= 700
    assert len({canary.value for canary in canaries}) == len(canaries)
    assert min(Counter(canary.kind for canary in canaries)[kind] for kind in Kind) >= 10


def test_every_canary_stands_in_an_object(corpus: Corpus, scanner: Scanner) -> None:
    """None is counted that was not planted; and the scanner reads DICOM."""
    found = {canary for content in (*corpus.files, *corpus.later) for canary in scanner.patterns.search(content)}
    planted = [canary for canary in corpus.aviary.canaries if not canary.place.startswith(NAMES_OF_FILES)]
    assert [canary.place for canary in planted if canary not in found] == []


def test_every_object_can_be_read_by_others(corpus: Corpus) -> None:
    for content in corpus.files:
        assert dcmread(BytesIO(content)).SOPInstanceUID
