"""NIfTI in the layout of the ACDC challenge.

A patient is ``patient001/Info.cfg`` (``ED: 1``, ``ES: 12``, counted from 1),
``patient001_frame01.nii.gz`` and ``patient001_frame01_gt.nii.gz`` for both phases, and perhaps the
whole cine in ``patient001_4d.nii.gz``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from lvvol.cine import CineStack
from lvvol.datasets.dataset import Dataset, Patient
from lvvol.datasets.labelled import LabelledStack
from lvvol.datasets.nifti_files import Planes, lay_masks, read_planes, to_stack
from lvvol.errors import DatasetError
from lvvol.preprocess import to_working_stack

INFO = "Info.cfg"

CAVITY = frozenset({3})
"""Label of the LV cavity in ACDC; 1 is the right ventricle and 2 the myocardium."""


def open_nifti(folder: Path, cavity: frozenset[int] = CAVITY) -> Dataset:
    """Find the patients of a folder.

    Parameters
    ----------
    folder : Path
        Holds the patients, or folders of them such as ``training`` and ``testing``.
    cavity : frozenset of int
        Labels that make up the LV cavity.

    Returns
    -------
    Dataset
        Patients ``nifti/FOLDER`` with masks at ED and ES and no volumes: the whole cine where it is
        there, else the pair.

    Raises
    ------
    DatasetError
        If there is no patient. On reading a patient: if a file is missing or damaged, or the files
        of a patient do not fit together.
    """
    infos = _infos(folder)
    if not infos:
        raise DatasetError(f"{folder}: expected patients with {INFO}, got none")
    labels = " ".join(map(str, sorted(cavity)))
    return Dataset(
        str(folder),
        tuple(
            Patient(name, (info.parent,), partial(_read_patient, name, info, cavity), labels)
            for name, info in sorted((f"nifti/{info.parent.name}", info) for info in infos)
        ),
    )


def _infos(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*/{INFO}")) + sorted(folder.glob(f"*/*/{INFO}"))


def _read_patient(name: str, info: Path, cavity: frozenset[int]) -> LabelledStack:
    folder, frames = info.parent, _frames(info)
    pair = [_file(folder, f"{folder.name}_frame{frame:02d}") for frame in frames]
    truth = [_file(folder, f"{folder.name}_frame{frame:02d}_gt") for frame in frames]
    whole = _find(folder, f"{folder.name}_4d")
    if whole is None:
        stack, phases = to_working_stack(_pair_stack(pair)), (0, 1)
    else:
        stack, phases = to_working_stack(to_stack(read_planes(whole))), frames_to_phases(frames)
        if max(phases) >= stack.n_phases:
            raise DatasetError(
                f"{whole}: expected at least {max(frames)} phases as in {INFO}, "
                f"got {stack.n_phases}"
            )
    masks = np.zeros(stack.images.shape, dtype=bool)
    labelled = np.zeros(stack.images.shape[:2], dtype=bool)
    for t, path in zip(phases, truth, strict=True):
        drawn, covered = lay_masks(path, cavity, stack)
        if drawn.shape[1] != 1:
            raise DatasetError(f"{path}: expected one phase, got {drawn.shape[1]}")
        masks[:, t], labelled[:, t] = drawn[:, 0], covered[:, 0]
    if not labelled.any():
        labels = ", ".join(map(str, sorted(cavity)))
        raise DatasetError(f"{truth[0]}: expected label {labels} at ED or ES, got none")
    return LabelledStack(name, stack, masks, labelled, ed_phase=phases[0], es_phase=phases[1])


def frames_to_phases(frames: tuple[int, int]) -> tuple[int, int]:
    """Return phases, counted from 0, of frames, counted from 1."""
    return frames[0] - 1, frames[1] - 1


def _frames(info: Path) -> tuple[int, int]:
    """Return the frames of ED and ES, counted from 1."""
    try:
        lines = info.read_text(encoding="utf-8").splitlines()
        values = {key.strip(): value for key, _, value in (line.partition(":") for line in lines)}
        ed, es = int(values["ED"]), int(values["ES"])
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{info}: expected lines ED: N and ES: N, got {error!r}") from error
    if min(ed, es) < 1 or ed == es:
        raise DatasetError(f"{info}: expected two frames counted from 1, got {ed} and {es}")
    return ed, es


def _find(folder: Path, stem: str) -> Path | None:
    return next(
        (p for p in (folder / f"{stem}.nii.gz", folder / f"{stem}.nii") if p.is_file()), None
    )


def _file(folder: Path, stem: str) -> Path:
    path = _find(folder, stem)
    if path is None:
        raise DatasetError(f"{folder / stem}.nii.gz: expected a NIfTI file, got none")
    return path


def _pair_stack(paths: list[Path]) -> CineStack:
    """Return ED and ES, read from a file each, as a stack of two phases."""
    ed, es = (read_planes(path) for path in paths)
    for planes, path in ((ed, paths[0]), (es, paths[1])):
        if planes.images.shape[1] != 1:
            raise DatasetError(f"{path}: expected one phase, got {planes.images.shape[1]}")
    if ed.images.shape != es.images.shape or not np.allclose(ed.affines, es.affines, atol=0.01):
        raise DatasetError(
            f"{paths[1]}: expected the slices and pixels of {paths[0].name}, got others: "
            f"{es.images.shape} and {ed.images.shape}"
        )
    images = np.concatenate([ed.images, es.images], axis=1)
    return to_stack(Planes(images, ed.pixel_spacing_mm, ed.positions_mm, ed.affines))
