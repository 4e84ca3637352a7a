"""Thin Prefect flows: the work is in :mod:`miner.mining`."""
