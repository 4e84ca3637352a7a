"""A small hospital for tests: made-up CT series, annotation objects on them, and a project that mines them."""

from tests.hospital.project import Hospital, RunResult, new_project
from tests.hospital.series import ct_series, other_object, ruler_pair

__all__ = ["Hospital", "RunResult", "ct_series", "new_project", "other_object", "ruler_pair"]
