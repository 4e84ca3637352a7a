"""The rules a release follows: what was looked for, and the thresholds that decide what a row says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from miner.bookmarks import ACCEPTANCE
from miner.config import Settings
from miner.dataset import lesion_types, noise


@dataclass(frozen=True, slots=True)
class ReleaseRules:
    """Selection, rules and thresholds; nothing that names a host, a path, a person or a transport.

    Attributes:
        modalities: modalities that were mined.
        annotations: modalities of the annotation objects that were read.
        context_mm: slices kept on each side of a key slice, in mm.
        head_context: whether head series keep more than their key slices.
        acceptance: least confidence of a RECIST bookmark in DL_info.csv.
        noise_threshold: least noise score that sets Possibly_noisy.
        unknown_location_z: third number of Normalized_lesion_location where z is not known: ``NaN`` or a fraction.
    """

    modalities: tuple[str, ...] = ("CT",)
    annotations: tuple[str, ...] = ("PR", "SR")
    context_mm: float = 30.0
    head_context: bool = False
    acceptance: float = ACCEPTANCE
    noise_threshold: float = 0.5
    unknown_location_z: str = "NaN"

    @classmethod
    def of(cls, settings: Settings) -> ReleaseRules:
        """The rules that config.toml states."""
        return cls(
            modalities=tuple(sorted(settings.selection.modalities)),
            annotations=tuple(sorted(settings.selection.annotations)),
            context_mm=settings.selection.context_mm,
            head_context=settings.selection.head_context,
            noise_threshold=settings.release.noise_threshold,
            unknown_location_z=settings.release.unknown_location_z,
        )

    def plain(self) -> dict[str, object]:
        """The rules as release.json states them."""
        return {
            "modalities": list(self.modalities),
            "annotations": list(self.annotations),
            "context_mm": self.context_mm,
            "head_context": self.head_context,
            "acceptance": self.acceptance,
            "noise_threshold": self.noise_threshold,
            "unknown_location_z": self.unknown_location_z,
        }


def rules_digest(rules: ReleaseRules) -> str:
    """SHA-256 (64 hex digits) over selection, rules and thresholds as canonical JSON: equal digests, equal rules."""
    content = {**rules.plain(), "noise": noise.rules(), "lesion_types": lesion_types.rules()}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
