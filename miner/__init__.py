"""Mines the measurements that radiologists leave in a PACS into a DeepLesion-format dataset."""

from __future__ import annotations

from pathlib import Path

__version__ = "0.1.0"

# In the wheel, flows/ and migrations/ lie inside this package; in a checkout they stand beside it. One name serves both
# places: ``miner.flows``, ``miner.migrations``.
_checkout = Path(__file__).resolve().parent.parent
if not (Path(__file__).parent / "flows").is_dir() and (_checkout / "migrations" / "__init__.py").is_file():
    __path__.append(str(_checkout))
