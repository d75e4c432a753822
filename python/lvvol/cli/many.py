"""What `lvvol predict` does with more than one study."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lvvol.cli.interrupts import interrupted_by_sigterm
from lvvol.cli.options import PATH
from lvvol.errors import LvvolError, SomeFailedError

STORABLE = ("seg", "sr")
STATUSES = ("ok", "review", "failed")
_MOST_PLACES = 5

if TYPE_CHECKING:
    from lvvol.cohort.item import Item
    from lvvol.cohort.measure import Settings
    from lvvol.cohort.run import Tally
    from lvvol.model import Device, Model


@dataclass(frozen=True)
class Wish:
    """The options that choose and share out many studies.

    Parameters
    ----------
    lists, roots : tuple of Path
        Lists of studies, and folders to search for studies.
    shard : (int, int) or None
        Which part of the studies to do, from 1, and of how many.
    redo : bool
        Whether to measure again what is finished.
    dask : str or None
        Where a Dask cluster is, or how to start one.
    dicomweb : str or None
        URL of a DICOMweb server.
    query : mapping of str to str or None
        Which of its studies; None for those named by UID.
    store : tuple of str
        What goes back to it.
    """

    lists: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()
    shard: tuple[int, int] | None = None
    redo: bool = False
    dask: str | None = None
    dicomweb: str | None = None
    query: Mapping[str, str] | None = None
    store: tuple[str, ...] = ()

    @property
    def is_many(self) -> bool:
        """Whether the results are those of a cohort even if it holds one study."""
        return bool(
            self.lists or self.roots or self.shard or self.redo or self.dask or self.dicomweb
        )

    def check(self, studies: Sequence[Path], study_uid: str | None) -> None:
        """Refuse options that make no sense together.

        Parameters
        ----------
        studies : sequence of Path
            Studies named one by one.
        study_uid : str or None
            The study that ``--study`` names.
        """
        if self.dicomweb is None:
            if self.query is not None or self.store:
                raise click.UsageError("--query and --store belong to --dicomweb URL.")
            return
        if studies or self.lists or self.roots:
            raise click.UsageError("--dicomweb takes its studies from the server, not from here.")
        if self.query is None and study_uid is None:
            raise click.UsageError('--dicomweb needs --study UID or --query "PatientID=...".')
        if self.dask is not None:
            raise click.UsageError("--dicomweb and --dask do not go together.")


def _as_shard(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> tuple[int, int] | None:
    """Return a share of the studies, such as ``3/10``."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    index, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= index <= count:
        raise click.BadParameter(f"expected I/N with I from 1 to N, got {text!r}.", ctx, param)
    return index, count


def _as_query(
    ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]
) -> dict[str, str] | None:
    """Return attributes to match; None where there is no query."""
    pairs = [text.partition("=") for text in texts]
    for key, _, value in pairs:
        if not (key.isalnum() and value):
            raise click.BadParameter("expected KEYWORD=VALUE.", ctx, param)
    return {key: value for key, _, value in pairs} if pairs else None


def _as_store(ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Return names of what goes back to the server."""
    names = tuple(filter(None, map(str.strip, (text or "").split(","))))
    if set(names) - set(STORABLE):
        raise click.BadParameter(f"expected some of {', '.join(STORABLE)}.", ctx, param)
    return names


_OPTIONS = (
    click.option(
        "--list",
        "lists",
        metavar="FILE",
        type=PATH,
        multiple=True,
        help="Measure the studies of a list: CSV with a column study, and id and study_uid where "
        "wanted; or one path a line. Repeat for several.",
    ),
    click.option(
        "--each",
        "roots",
        metavar="ROOT",
        type=PATH,
        multiple=True,
        help="Measure every study below a folder. Repeat for several.",
    ),
    click.option("--redo", is_flag=True, help="Measure again what is finished in OUT."),
    click.option(
        "--shard",
        metavar="I/N",
        callback=_as_shard,
        help="Measure the I-th of N parts of the studies, I from 1; lvvol summarise joins them.",
    ),
    click.option(
        "--dask",
        metavar="WHERE",
        help="Measure on Dask workers: the address of a scheduler, slurm for jobs as dask-jobqueue "
        "is configured, or local for processes here; --threads says how many of those.",
    ),
    click.option(
        "--dicomweb",
        metavar="URL",
        help="Measure studies of a DICOMweb server, chosen by --study or --query.",
    ),
    click.option(
        "--query",
        metavar="KEYWORD=VALUE",
        multiple=True,
        callback=_as_query,
        help="Which MR studies of the server, such as PatientID=7 or StudyDate=20250101-20250131; "
        "repeat for several conditions.",
    ),
    click.option(
        "--store",
        metavar="LIST",
        callback=_as_store,
        help="What to store on the server: seg, sr or both, separated by commas.",
    ),
)


def many_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `Wish`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def predict_many(
    wish: Wish,
    studies: Sequence[Path],
    output: Path | None,
    *,
    names: tuple[str, ...],
    series: tuple[str | int, ...],
    weights: Path | None,
    calibration: str,
    level: float,
    threads: int,
    device: Device,
    identify: bool,
    as_json: bool,
    of_one: Mapping[str, object],
) -> None:
    """Measure many studies into a folder.

    Parameters
    ----------
    wish : Wish
        Which studies, and which part of them.
    studies : sequence of Path
        Studies named one by one.
    output : Path or None
        Folder of the results.
    names, series, weights, calibration, level, threads, device, identify, as_json
        As the options of ``lvvol predict``.
    of_one : mapping of str to object
        Options that one study alone can have, with their values.

    Raises
    ------
    SomeFailedError
        If a study failed; all others are done and the tables written.
    """
    study_uid = of_one["--study"]
    assert study_uid is None or isinstance(study_uid, str)
    wish.check(studies, study_uid)
    if wish.dicomweb is not None:
        of_one = {name: value for name, value in of_one.items() if name != "--study"}
        names = tuple(dict.fromkeys((*names, *wish.store)))
    if wish.dask is not None and device == "cuda":
        raise click.UsageError("--device cuda and --dask do not go together: workers use CPUs.")
    if output is None:
        raise click.UsageError("Several studies need a folder to write to: -o OUT.")
    for option, value in of_one.items():
        if value is not None:
            raise click.UsageError(f"{option} belongs to one study, got several.")

    from lvvol.cohort.find import list_items
    from lvvol.cohort.item import name_items, shard
    from lvvol.cohort.record import read_records
    from lvvol.output import check_folder
    from lvvol.report.files import check_libraries

    check_folder(output)
    check_libraries(names)
    known = {record.place: record.id for record in read_records(output)}
    items: Sequence[Item]
    if wish.dicomweb is not None:
        from lvvol.service.dicomweb import Server
        from lvvol.service.remote import find_remote

        uids = [study_uid] if study_uid else []
        items = find_remote(Server(wish.dicomweb), wish.query, uids, wish.store)
    else:
        items = list_items(studies, wish.lists, wish.roots, output)
    items = name_items(items, known)
    if wish.shard is not None:
        items = shard(items, *wish.shard)
    from lvvol.cohort.measure import Settings
    from lvvol.model import load_model

    settings = Settings(names, series, calibration, level, identify)
    model = load_model(weights, device=device, calibration=calibration)
    model.check_level(level)
    tally = _run(items, output, settings, model, weights, wish, threads)
    _finish(output, wish, tally, as_json)


def _run(
    items: Sequence[Item],
    out: Path,
    settings: Settings,
    model: Model,
    weights: Path | None,
    wish: Wish,
    threads: int,
) -> Tally:
    """Measure the studies under a bar; an interrupted run leaves tables of what is finished."""
    from lvvol.cli.many_bar import bar
    from lvvol.cohort.run import run
    from lvvol.cohort.summary import summarise

    try:
        with interrupted_by_sigterm(), bar(len(items)) as progress:
            if wish.dask is not None:
                from lvvol.cohort.dask_run import Weights, run_on_dask

                sent = Weights.of(weights, settings.calibration, model)
                return run_on_dask(
                    items,
                    out,
                    settings,
                    sent,
                    wish.dask,
                    redo=wish.redo,
                    threads=threads,
                    progress=progress,
                )
            return run(
                items, out, settings, model, redo=wish.redo, threads=threads, progress=progress
            )
    except KeyboardInterrupt:
        if wish.shard is None:
            with suppress(LvvolError):
                summarise(out)
        raise


def _finish(out: Path, wish: Wish, tally: Tally, as_json: bool) -> None:
    """Write the tables, unless other shards may still write theirs, and say what happened."""
    from lvvol.cohort.item import FAILURES
    from lvvol.cohort.summary import summarise
    from lvvol.report.result_json import to_json

    summary = None if wish.shard else summarise(out)
    counts = {status: tally.by_status[status] for status in STATUSES}
    if as_json:
        facts = {"studies": tally.done, **counts, "finished_earlier": tally.earlier}
        click.echo(to_json(facts))
    else:
        earlier = f"; {tally.earlier} of them finished earlier" if tally.earlier else ""
        click.echo(describe_counts(counts) + earlier)
        shared = tally.sharing.most_common(_MOST_PLACES) if wish.dicomweb is None else []
        for place, n in shared:
            click.echo(
                f"{click.format_filename(place)} holds {n} of them, told apart by Study Instance "
                "UID, or by Patient ID and date"
            )
        if summary is None:
            click.echo(f"When all parts are done: lvvol summarise {click.format_filename(out)}")
        else:
            click.echo(f"Wrote {list_files(summary.files)}")
    if tally.failed:
        raise SomeFailedError(
            f"{tally.failed} of {tally.done} studies failed; "
            + (f"{out / FAILURES} says why" if summary else "lvvol summarise lists why")
        )


def describe_counts(counts: Mapping[str, int]) -> str:
    """Return how many studies there are and of each status, in one line."""
    n = sum(counts.values())
    each = ", ".join(f"{counts[status]} {status}" for status in STATUSES)
    return f"{n} {'study' if n == 1 else 'studies'}: {each}"


def list_files(paths: Sequence[Path]) -> str:
    """Name a few files."""
    *others, last = map(click.format_filename, paths)
    return f"{', '.join(others)}{' and ' * bool(others)}{last}"
