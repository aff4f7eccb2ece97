"""Choose among the instances that serve one endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.handler import Request
    from crossply.routing.eligible import Eligible
    from crossply.routing.instances import Callee, Instance
    from crossply.routing.outliers import Outliers
    from crossply.routing.picker import Picker


class Chooser:
    """What one stack knows of whom to choose: who may be, by which method; without a picker, nobody.

    Without ``eligible`` all that are no suspects may be.
    """

    def __init__(
        self,
        callee: Callee,
        endpoint: str,
        picker: Picker | None,
        eligible: Eligible | None = None,
        outliers: Outliers | None = None,
    ) -> None:
        self.callee = callee
        self.endpoint = endpoint
        self._picker = picker
        self._eligible = eligible
        self._outliers = outliers

    def choose(self, request: Request, moment: float) -> Instance | None:
        """Return the instance for an attempt: one that was not tried yet, where there is one."""
        if self._picker is None:
            return None
        if self._eligible is None:
            serving = self.callee.serving(self.endpoint)
        else:
            having = self.callee.having(self.endpoint)
            if self._outliers is not None and moment >= self._outliers.due:
                probed = self._outliers.probe(having, request, moment)
                if probed is not None:
                    return probed
            serving = self._eligible.of(having, request.subset)
        return self._picker.pick(serving, request, moment) if serving else None
