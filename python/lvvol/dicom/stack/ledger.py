"""`Ledger`, the record of decisions, reasons to review and exclusions while reading a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lvvol.cine import Decision
from lvvol.dicom.stack.acquisition import Acquisition
from lvvol.status import Code, Reason

FOREIGN = "it belongs to another patient or study"
"""Reason for exclusion of acquisitions with other identifiers than those of the stack."""


@dataclass
class Ledger:
    """Record of all decisions made while reading a study.

    Parameters
    ----------
    decisions : list of Decision
        All decisions, in order.
    reasons : list of Reason
        Reasons to review a measurement of the stack.
    exclusion_reasons : dict of Acquisition to str
        Why acquisitions are not part of the stack; each a clause, as in `exclude`.
    """

    decisions: list[Decision] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    exclusion_reasons: dict[Acquisition, str] = field(default_factory=dict)

    def record(self, what: str, why: str, files: Sequence[str] = ()) -> None:
        """Record a decision.

        Parameters
        ----------
        what, why : str
            The action and the reason, one sentence each.
        files : sequence of str
            The files concerned.
        """
        self.decisions.append(Decision(what, why, tuple(files)))

    def warn(self, code: Code, sentence: str) -> None:
        """Record a reason to review a measurement of the stack."""
        self.reasons.append(Reason(code, sentence))

    def exclude(self, acquisition: Acquisition, why: str, where: str = "") -> None:
        """Record that an acquisition is not part of the stack.

        Parameters
        ----------
        acquisition : Acquisition
            The acquisition.
        why : str
            The reason as a clause, such as ``"it has only one phase"``.
        where : str
            The plane within its series, such as ``"slice at 12.0 mm"``.
        """
        self.exclusion_reasons[acquisition] = why
        what = f"Excluded {acquisition.first.label}{where and ', '}{where}."
        self.record(what, f"{why[0].upper()}{why[1:]}.", acquisition.files)
