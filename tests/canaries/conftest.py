"""One corpus for all tests here: breeding it takes seconds."""

from __future__ import annotations

import warnings

import pytest

from tests.canaries.corpus import Corpus, build
from tests.canaries.scanner import Scanner
from tests.conftest import find_shared_data


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """The corpus over both editions of Table E.1-1, or over a shorter list of our own where the tables are absent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build(find_shared_data())


@pytest.fixture(scope="session")
def scanner(corpus: Corpus) -> Scanner:
    """Looks for every canary of the corpus."""
    return Scanner(corpus.aviary.canaries)
