"""`miner doctor`: configuration, key, databases, disk and PACS, one after the other, and what to do about each."""

from __future__ import annotations

from miner.doctor.examination import Examination, examine
from miner.doctor.findings import Finding, profile_findings

__all__ = ["Examination", "Finding", "examine", "profile_findings"]
