"""Names that stand in the place of UIDs and files.

A listing says ``image 1`` and ``lesion 2`` in any case; what these are stands in its legend, which a redacted listing
has not. Everything else that a redacted listing leaves out (dates, labels, manufacturers, private codes) is asked for
here too, so that there is one place that decides.
"""

from __future__ import annotations

from pathlib import Path

from miner.bookmarks.public_codes import public_code
from miner.records import Code


class Names:
    """Names for the UIDs and files of one listing, numbered in the order in which they are first met."""

    def __init__(self, *, redacted: bool) -> None:
        self.redacted = redacted
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._files: dict[Path, str] = {}

    def uid(self, what: str, uid: str) -> str:
        """``what`` and a number for a UID; empty for an empty one. A UID keeps the name that it got first."""
        if not uid:
            return ""
        if uid not in self._names:
            self._names[uid] = self._next(what)
        return self._names[uid]

    def file(self, path: Path) -> str:
        """A file's path, or a number in a redacted listing."""
        if path not in self._files:
            self._files[path] = self._next("file") if self.redacted else str(path)
        return self._files[path]

    def code(self, code: Code | None) -> str:
        """A coded concept; in a redacted listing only one that its public scheme really defines."""
        if code is None:
            return ""
        return (public_code(code.scheme, code.value) or "a private code") if self.redacted else str(code)

    def plainly(self, value: str) -> str:
        """What only the site itself may see, in characters that print; empty in a redacted listing."""
        return "" if self.redacted else "".join(c for c in value if c.isprintable())

    def legend(self) -> dict[str, str]:
        """Name → UID; empty in a redacted listing."""
        return {} if self.redacted else {name: self.plainly(uid) for uid, name in self._names.items()}

    def _next(self, what: str) -> str:
        self._counts[what] = self._counts.get(what, 0) + 1
        return f"{what} {self._counts[what]}"
