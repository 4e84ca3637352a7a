"""Structured reports → marks: measurement groups, their coordinates, numbers and codes."""
