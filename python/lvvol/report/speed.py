"""The table that `lvvol bench` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lvvol.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping


def format_speed(measured: Mapping[str, Any]) -> str:
    """Return the figures of a benchmark as lines for a person to read.

    Parameters
    ----------
    measured : mapping
        From `lvvol.bench.bench`.

    Returns
    -------
    str
        Without a line break at the end.
    """
    machine, phantom = measured["machine"], measured["phantom"]
    threads = machine["threads"]
    lines = [
        f"{one_line(machine['processor'])}, {machine['instructions']}, "
        f"{threads} thread{'s' * (threads > 1)} on {machine['cores']} cores",
        f"phantom {phantom['seed']}: {phantom['slices']} slices, {phantom['phases']} phases, "
        f"{phantom['rows']} x {phantom['columns']} pixels, {phantom['files']} files",
        f"EDV {measured['edv_ml']:.1f} mL (exactly {phantom['true_edv_ml']:.1f}), "
        f"ESV {measured['esv_ml']:.1f} mL ({phantom['true_esv_ml']:.1f}), "
        f"the same in {measured['repeats'] + 1} measurements",
        "",
        f"{'stage':<12}{'ms':>8}{'share':>9}",
    ]
    rest_s = measured["study_s"] - sum(measured["stages_s"].values())
    stages = {**measured["stages_s"], "other": rest_s}
    for stage, seconds in stages.items():
        share = seconds / measured["study_s"]
        lines.append(f"{stage:<12}{1000 * seconds:>8.1f}{100 * share:>7.0f} %")
    lines += [
        f"{'study':<12}{1000 * measured['study_s']:>8.1f}",
        "",
        f"{measured['studies_per_minute']:.0f} studies per minute with the model loaded "
        f"(loading takes {1000 * measured['model_s']:.0f} ms)",
        f"{measured['command_s']:.2f} s for lvvol predict in a new process",
        f"{measured['peak_memory_mb']:.0f} MB at most",
    ]
    return "\n".join(lines)
