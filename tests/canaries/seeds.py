"""Leaks, seeded on purpose: one function a channel, each writes one canary of its own into a folder."""
