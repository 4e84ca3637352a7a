"""Measurements whose results the README states."""
