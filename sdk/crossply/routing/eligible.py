"""Which of the instances of a list may be chosen: those that are well, those of the own zone first.

The list is worked out once after each change of who is there, who is suspect and who is ejected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.routing.instances import Instance
    from crossply.routing.outliers import Outliers
    from crossply_policy.documents import BalancePolicy

_ENOUGH = 0.5


class Eligible:
    """Keeps, for each subset, the last list that was asked about and what came of it."""

    def __init__(self, policy: BalancePolicy, zone: str, outliers: Outliers | None) -> None:
        self._panic = policy.panic
        self._zone = zone if policy.zone == "first" else ""
        self._outliers = outliers
        self._known: dict[str | None, tuple[list[Instance], int, list[Instance]]] = {}

    def of(self, instances: list[Instance], subset: str | None) -> list[Instance]:
        """Return those of ``instances`` that may be chosen; all that there are, rather than nobody."""
        changes = 0 if self._outliers is None else self._outliers.changes
        known = self._known.get(subset)
        if known is not None and known[0] is instances and known[1] == changes:
            return known[2]
        chosen = self._chosen(instances)
        self._known[subset] = (instances, changes, chosen)
        return chosen

    def _chosen(self, instances: list[Instance]) -> list[Instance]:
        alive = [each for each in instances if not each.suspect]
        well = alive if self._outliers is None else [each for each in alive if not self._outliers.ejected(each.id)]
        if len(well) < self._panic * len(instances):
            return instances  # so few would not bear the load of all
        well = well or alive or instances
        if self._zone:
            near = [each for each in well if each.zone == self._zone]
            if near and len(near) >= _ENOUGH * sum(each.zone == self._zone for each in instances):
                return near
        return well
