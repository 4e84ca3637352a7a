"""Presentation states → marks: graphics, compounds and texts of every producer's style."""
