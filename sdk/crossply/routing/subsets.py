"""The instances of each subset of a callee, as the layers of one operation ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.routing.instances import CHOSEN_INSTANCES, KEPT_INSTANCES
from crossply_policy.traffic import labelled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crossply.routing.instances import Callee, Instance
    from crossply.routing.outliers import Outliers
    from crossply_policy.traffic import Labels


class Subsets:
    """Lists worked out once after each change of the callee's instances.

    A subset has its own bound on the instances kept: the few of a canary would seldom be among those that a caller
    keeps of many.
    """

    def __init__(self, callee: Callee, endpoint: str, labels: Mapping[str, Labels]) -> None:
        self.callee = callee
        self._endpoint = endpoint
        self._labels = labels
        self._known: dict[str, list[Instance]] = {}
        self._having: dict[str, list[Instance]] = {}
        self._changes = callee.changes
        self.outliers: Outliers | None = None

    def serving(self, subset: str) -> list[Instance]:
        """Return those of a subset that have the endpoint, suspects only when there is nobody else."""
        having = self.having(subset)
        known = self._known.get(subset)
        if known is None:
            known = self._known[subset] = [each for each in having if not each.suspect] or having
        return known

    def having(self, subset: str) -> list[Instance]:
        """Return those of a subset that have the endpoint, suspects too: the same list until something changes."""
        if self._changes != self.callee.changes:
            self._changes = self.callee.changes
            self._known.clear()
            self._having.clear()
        known = self._having.get(subset)
        if known is None:
            known = self._having[subset] = self._worked_out(subset)
        return known

    def healthy(self, subset: str) -> bool:
        """Whether anybody of a subset can take a call, and not only suspects and those that were ejected.

        One whose ejection is over counts, until a call probes it: where none went there it would never come back.
        """
        known = self.serving(subset)
        if not known or known[0].suspect:
            return False
        outliers = self.outliers
        return outliers is None or not outliers.watched or not all(outliers.shut(each.id) for each in known)

    def _worked_out(self, subset: str) -> list[Instance]:
        labels = self._labels.get(subset)
        if labels is None:
            return []
        having = [each for each in self.callee.ranked() if self._endpoint in each.endpoints and _has(each, labels)]
        if len(having) > KEPT_INSTANCES:
            having = having[:CHOSEN_INSTANCES]
        return having


def _has(instance: Instance, labels: Labels) -> bool:
    return labels <= labelled(instance.labels, version=instance.version, zone=instance.zone).items()
