from __future__ import annotations

from pathlib import Path

from miner.config import build
from miner.dataset import ReleaseRules, rules_digest


def test_rules_of_the_default_settings_are_the_default_rules() -> None:
    assert ReleaseRules.of(build({}, base=Path(), environment={})) == ReleaseRules()


def test_the_digest_covers_selection_and_thresholds() -> None:
    digests = {
        rules_digest(rules)
        for rules in (
            ReleaseRules(),
            ReleaseRules(modalities=("CT", "MR")),
            ReleaseRules(annotations=("SR",)),
            ReleaseRules(context_mm=10.0),
            ReleaseRules(head_context=True),
            ReleaseRules(noise_threshold=0.7),
            ReleaseRules(unknown_location_z="0.5"),
            ReleaseRules(acceptance=0.9),
        )
    }
    assert len(digests) == 8
    assert all(len(digest) == 64 for digest in digests)


def test_the_digest_does_not_cover_where_and_how() -> None:
    plain, moved = (
        ReleaseRules.of(build(content, base=Path(), environment={}))
        for content in (
            {},
            {"site": {"name": "elsewhere"}, "pacs": {"host": "10.0.0.1"}, "storage": {"root": "/mnt"}},
        )
    )
    assert rules_digest(plain) == rules_digest(moved)
