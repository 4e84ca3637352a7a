"""Every fault by name, and combinations of them by seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.peers.faults import queries, retrievals, services, troubles
from tests.peers.faults.fault import Fault, Sporadic

_MODULES = (queries, services, retrievals, troubles)
_BASES = {Fault, Sporadic, troubles.Late}

FAULTS: dict[str, type[Fault]] = {
    name: kind
    for module in _MODULES
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Fault) and kind not in _BASES and not name.startswith("_")
}
"""All switches, by the name of their class."""

MOST = 5
"""Faults in one drawn combination."""

_APART = (
    frozenset({"PatientRootAlone", "StudyRootAlone"}),
    frozenset({"MovesLater", "SeveralAssociations"}),
)
"""What cannot be of one PACS: together they leave nothing to offer, or take one another's place."""

_HIDE = tuple(
    frozenset({blind, short})
    for blind in ("KeysIgnored", "TimesMissing")
    for short in ("CapsStudies", "RefusesBroadQueries", "AnswersInPart")
)
"""What may hide studies together: nothing cuts the long answers that the PACS does not give, not of one day at least,
but the characters of Patient IDs, which reach none beyond ASCII."""


@dataclass(frozen=True, slots=True)
class Faults:
    """A combination of switches; the parameters that they draw follow from the seed alone."""

    names: tuple[str, ...] = ()
    seed: int = 0

    @classmethod
    def from_seed(cls, seed: int) -> Faults:
        """Two to five switches that a PACS can have together."""
        random = Random(seed)
        drawn = random.sample(sorted(FAULTS), random.randint(2, MOST))
        names = [name for index, name in enumerate(drawn) if not _clash(name, drawn[:index])]
        return cls(tuple(name for name in FAULTS if name in names), seed)

    def build(self) -> list[Fault]:
        """The faults, ready for one PACS."""
        return [FAULTS[name](Random(f"{self.seed}/{name}")) for name in self.names]

    @property
    def closed(self) -> frozenset[str]:
        """What cannot be used with these faults (see :class:`Fault`)."""
        return frozenset().union(*(FAULTS[name].closes for name in self.names))

    @property
    def withholds(self) -> bool:
        """True where something never comes."""
        return any(FAULTS[name].withholds for name in self.names)

    def curable(self, retrieve: str) -> bool:
        """Whether everything can be had: ``retrieve`` as in ``[pacs]``."""
        ways = {"auto": {"get", "move"}, "get": {"get"}, "move": {"move"}}[retrieve]
        hidden = any(pair <= set(self.names) for pair in _HIDE)
        return not self.withholds and not hidden and bool(ways - self.closed)

    def __str__(self) -> str:
        return f"{self.seed}:{'+'.join(self.names) or 'none'}"


def _clash(name: str, others: list[str]) -> bool:
    return any(name in apart and apart & set(others) for apart in _APART)
