"""``docs/benchmarks.md``: the speed of lvvol beside its peers.

``python -m benchmarks.pages.speed`` writes the page from ``results/speed.json`` alone;
``benchmarks.speed.suite``, which measures, does so at its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.command import run
from benchmarks.machine import CHECKOUT
from benchmarks.pages.files import filled, read_results, table

PAGE = CHECKOUT / "docs" / "benchmarks.md"
OURS = "lvvol"
SAME_WITHIN = 0.05
"""Ratios this near to 1 are no difference."""

Report = Mapping[str, Any]


def blocks(report: Report) -> dict[str, str]:
    """Return the written parts of the page by name."""
    return {
        "made-by": made_by(report),
        "faster": faster_peers(report),
        "peers": peers(report),
        "skipped": skipped(report),
        "throughput": throughput(report),
        "stages": stages(report),
        "growth": growth(report),
        "stage-growth": stage_growth(report),
        "limits": limits(report),
    }


def made_by(report: Report) -> str:
    """Return the machine, the study, the commit and the versions, in sentences."""
    machine = report.get("machine", {})
    versions = {**machine.get("packages", {}), **report["packages"]}
    named = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return (
        f"Measured on {machine.get('cores', '?')} cores of {machine.get('processor', '?')}, "
        f"{machine.get('memory_gib', '?')} GiB, with a load average of "
        f"{report['load_average']:.1f} at the start, at commit `{machine.get('commit', '?')}`. "
        f"Study: {report['study']}. Versions: {named}."
    )


def _contests(report: Report) -> dict[tuple[str, int], list[Report]]:
    by_contest: dict[tuple[str, int], list[Report]] = {}
    for case in report["cases"]:
        if case["work"] != "cold command":
            by_contest.setdefault((case["work"], case["threads"]), []).append(case)
    return by_contest


def _threads(count: int) -> str:
    return "own choice" if count == 0 else str(count)


def faster_peers(report: Report) -> str:
    """Return a list of the peers that take less time than lvvol, and of those that take as much."""
    lines = []
    for (work, threads), cases in _contests(report).items():
        for case in cases:
            ratio = case.get("times_as_long")
            if ratio is None or ratio > 1 + SAME_WITHIN:
                continue
            on = "" if threads == 0 else f", {threads} thread{'s' * (threads > 1)}"
            how = "is as fast as" if ratio >= 1 - SAME_WITHIN else "is faster than"
            lines.append(
                f"- {work}{on}: **{case['way']}** {how} lvvol; it takes {ratio:.2f} times as long."
            )
    return "\n".join(lines) or "In no table below does a peer take less time than lvvol."


def peers(report: Report) -> str:
    """Return a table with one row for every way of every contest."""
    rows = []
    for (work, threads), cases in _contests(report).items():
        for case in cases:
            low, high = case.get("times_as_long_20_80", (None, None))
            ratio = "1" if low is None else f"{case['times_as_long']:.2f} ({low:.2f} to {high:.2f})"
            rows.append([work, _threads(threads), case["way"], _ms(case["ms"]), ratio])
    return table(["work", "threads", "by", "ms", "times as long as lvvol"], rows)


def skipped(report: Report) -> str:
    """Return which peers did not run, and why."""
    reasons: dict[str, set[str]] = {}
    for place, reason in report.get("skipped", {}).items():
        reasons.setdefault(reason, set()).add(place.rpartition("/")[2])
    lines = [f"- {', '.join(sorted(ways))}: {reason}" for reason, ways in reasons.items()]
    return "\n".join(lines) or "Every peer was there."


def throughput(report: Report) -> str:
    """Return a table of whole studies: cold, warm and many, by threads."""
    rows = []
    for threads, row in report["row"].items():
        rows.append(
            [
                threads,
                f"{report['cold'][threads]['wall_s']:.2f}",
                f"{row['first_s'] + row['load_model_s']:.2f}",
                f"{row['study_s']:.2f}",
                str(row["studies"]),
                f"{row['studies_per_minute']:.0f}",
                f"{row['peak_mb']:.0f}",
                f"{row['grown_mb']:.1f}",
            ]
        )
    return table(
        [
            *("threads", "cold command, s", "model and first study, s", "warm study, s"),
            *("studies in a row", "studies a minute", "peak, MB", "grown in the row, MB"),
        ],
        rows,
    )


def stages(report: Report) -> str:
    """Return a table of seconds and share of every stage, cold and warm, by threads."""
    names = list(dict.fromkeys(s for each in report["cold"].values() for s in each["stages_s"]))
    columns = [
        (f"{kind}, {threads} thread{'s' * (threads != '1')}", each["stages_s"])
        for kind, by_threads in (("cold", report["cold"]), ("warm", report["row"]))
        for threads, each in by_threads.items()
    ]
    rows = [
        [
            name,
            *(
                f"{taken[name]:.3f} s ({100 * taken[name] / sum(taken.values()):.0f} %)"
                if name in taken
                else ""
                for _, taken in columns
            ),
        ]
        for name in names
    ]
    return table(["stage", *(head for head, _ in columns)], rows)


def growth(report: Report) -> str:
    """Return a table of times and memory at every size, with the slopes."""
    rows = []
    for axis, found in report["growth"].items():
        peaks = found.get("peak_mb")
        rows.append(
            [
                "rows and columns (slope over pixels)" if axis == "pixels" else axis,
                ", ".join(map(str, found["sizes"])),
                ", ".join(_ms(ms) for ms in found["ms"]),
                f"{found['slope']:.2f}",
                ", ".join(f"{peak:.0f}" for peak in peaks) if peaks else "",
                f"{found['memory_slope']:.2f}" if peaks else "",
            ]
        )
    return table(["what grows", "sizes", "ms", "slope", "peak, MB", "slope of memory"], rows)


def stage_growth(report: Report) -> str:
    """Return a table of the slope of every stage."""
    axes = {a: f["stage_slopes"] for a, f in report["growth"].items() if "stage_slopes" in f}
    names = list(next(iter(axes.values())))
    rows = [[name, *(f"{slopes[name]:.2f}" for slopes in axes.values())] for name in names]
    return table(["stage", *axes], rows)


def limits(report: Report) -> str:
    """Return tables of the machine's limits and of each stage's share of them."""
    parts = []
    for threads, found in report["limits"].items():
        of = found["limits"]
        parts.append(
            f"With {threads} thread{'s' * (threads != '1')}: {of['bytes_per_s'] / 1e9:.1f} GB/s "
            f"copied (read and written), {of['multiply_adds_per_s'] / 1e9:.0f} billion "
            "multiply-adds a second."
        )
        rows = [
            [
                stage,
                f"{row['megabytes']:.1f}",
                f"{row['million_multiply_adds']:.0f}",
                f"{1000 * row['seconds']:.1f}",
                f"{100 * row['share_of_bandwidth']:.1f} %",
                f"{100 * row['share_of_multiply_adds']:.1f} %",
            ]
            for stage, row in found["stages"].items()
        ]
        head = ["stage", "MB", "million multiply-adds", "ms", "of bandwidth", "of multiply-adds"]
        parts.append(table(head, rows))
    return "\n\n".join(parts)


def _ms(milliseconds: float) -> str:
    """Return milliseconds with three digits that count.

    Examples
    --------
    >>> _ms(0.1234), _ms(12.34), _ms(1234.5)
    ('0.123', '12.3', '1234')
    """
    return f"{milliseconds:.{0 if milliseconds >= 100 else 1 if milliseconds >= 10 else 3}f}"


def write(report: Report | None = None) -> Path:
    """Write the page from the committed results, or from a report."""
    found = read_results("speed") if report is None else report
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(filled(text, blocks(found)), encoding="utf-8")
    return PAGE


def main() -> dict[str, Any]:
    """Write the page."""
    print(write())
    return {}


if __name__ == "__main__":
    run(main, __doc__)
