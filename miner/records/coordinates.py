"""Coordinates that every stage shares; the frames are in :mod:`miner.records`."""

from __future__ import annotations

Point = tuple[float, float]
Vector = tuple[float, float, float]
Orientation = tuple[float, float, float, float, float, float]
