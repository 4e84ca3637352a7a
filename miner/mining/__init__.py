"""From a query to the catalogue: a run (run.py), a study (study.py, read this first), a volume (volume.py)."""
