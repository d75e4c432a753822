"""What was decided while a study was read, and what became of each acquisition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lvvol.cine import Decision
from lvvol.dicom.stack.acquisition import Acquisition


@dataclass
class Ledger:
    """Takes down every choice, for the user to check.

    Parameters
    ----------
    decisions : list of Decision
        Every choice made.
    warnings : list of str
        What a user should know.
    exclusion_reasons : dict of Acquisition to str
        Why an acquisition is no part of the stack, as the end of a sentence.
    """

    decisions: list[Decision] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    exclusion_reasons: dict[Acquisition, str] = field(default_factory=dict)

    def note(self, what: str, why: str, files: Sequence[str] = ()) -> None:
        """Take down a choice.

        Parameters
        ----------
        what, why : str
            One sentence each.
        files : sequence of str
            The files it was done to.
        """
        self.decisions.append(Decision(what, why, tuple(files)))

    def set_aside(self, acquisition: Acquisition, why: str, where: str = "") -> None:
        """Take down that an acquisition is no part of the stack.

        Parameters
        ----------
        acquisition : Acquisition
            The acquisition.
        why : str
            The reason, as the end of a sentence: ``"it shows one phase only"``.
        where : str
            Which of its series' planes it is, as the end of a sentence.
        """
        self.exclusion_reasons[acquisition] = why
        what = f"Set aside {acquisition.first.label}{where and ', '}{where}."
        self.note(what, f"{why[0].upper()}{why[1:]}.", acquisition.files)
