"""A phantom study: synthetic cine images with the truth about them."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lvvol.cine import CineStack
from lvvol.errors import OutputError
from lvvol.phantom.plan import GE, SIEMENS, draw_beating_heart, draw_pose, draw_scanner
from lvvol.phantom.render import render_cine
from lvvol.phantom.shapes import Float64
from lvvol.phantom.torso import draw_torso
from lvvol.phantom.views import draw_short_axis, two_chamber
from lvvol.volume import cone_volume_ml

UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]
_UID_NAMESPACE = uuid.UUID("8c1d2b9e-2f60-5d0a-9a57-2d6f4b0e7c31")


@dataclass(frozen=True)
class Truth:
    """What is known of a phantom's LV cavity.

    Parameters
    ----------
    volumes_ml : ndarray of float64, shape (phase,)
        Closed-form volume of the truncated ellipsoid.
    areas_mm2 : ndarray of float64, shape (slice, phase)
        Exact area of the cavity in the middle plane of each slice.
    slice_volumes_ml : ndarray of float64, shape (phase,)
        Volume of truncated cones between those areas (Eq. 3): the best that slices can tell.
    """

    volumes_ml: Float64
    areas_mm2: Float64
    slice_volumes_ml: Float64

    @property
    def ed_phase(self) -> int:
        """Phase of largest volume."""
        return int(np.argmax(self.volumes_ml))

    @property
    def es_phase(self) -> int:
        """Phase of smallest volume."""
        return int(np.argmin(self.volumes_ml))

    @property
    def edv_ml(self) -> float:
        """End-diastolic volume."""
        return float(self.volumes_ml[self.ed_phase])

    @property
    def esv_ml(self) -> float:
        """End-systolic volume."""
        return float(self.volumes_ml[self.es_phase])

    @property
    def ef_percent(self) -> float:
        """Ejection fraction."""
        return 100.0 * (self.edv_ml - self.esv_ml) / self.edv_ml

    def to_dict(self) -> dict[str, Any]:
        """Return the truth as plain numbers and lists, ready for JSON."""
        return {
            "edv_ml": self.edv_ml,
            "esv_ml": self.esv_ml,
            "ef_percent": self.ef_percent,
            "ed_phase": self.ed_phase,
            "es_phase": self.es_phase,
            "volumes_ml": {
                "exact": self.volumes_ml.tolist(),
                "slices": self.slice_volumes_ml.tolist(),
            },
            "areas_mm2": self.areas_mm2.tolist(),
        }


@dataclass(frozen=True)
class PhantomStudy:
    """Synthetic short-axis and two-chamber cines of one heart.

    Parameters
    ----------
    seed : int
        What everything was drawn from.
    images : ndarray of uint16, shape (slice, phase, row, column)
        Stored short-axis pixels, from apex to base.
    lv_coverage : ndarray of uint8, shape (slice, phase, row, column)
        Part of each pixel's slab that the LV cavity fills, 255 for all of it.
    affines : ndarray of float64, shape (slice, 4, 4)
        Each maps (row, column, mm along the normal, 1) to patient LPS mm.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns, in every image.
    positions_mm : ndarray of float64, shape (slice,)
        Position of each slice along the normal.
    thickness_mm : float
        Slice thickness.
    times_ms : ndarray of float64, shape (slice, phase)
        Time after the R wave; the heart rate differs a little from slice to slice.
    long_axis_images : ndarray of uint16, shape (phase, row, column)
        A two-chamber view of the same heart.
    long_axis_affine : ndarray of float64, shape (4, 4)
        Where that view lies.
    heart_to_patient : ndarray of float64, shape (4, 4)
        Maps heart coordinates (p, q, u, 1) to patient LPS mm; (0, 0, 0) is the epicardial apex.
    vendor : str
        ``"SIEMENS"`` or ``"GE MEDICAL SYSTEMS"``: whose intensities and headers are imitated.
    truth : Truth
        Volumes and areas.
    """

    seed: int
    images: UInt16
    lv_coverage: UInt8
    affines: Float64
    pixel_spacing_mm: tuple[float, float]
    positions_mm: Float64
    thickness_mm: float
    times_ms: Float64
    long_axis_images: UInt16
    long_axis_affine: Float64
    heart_to_patient: Float64
    vendor: str
    truth: Truth

    def uid(self, *what: object) -> str:
        """Return the UID of one thing in this study, the same at every call."""
        drawn = (self.seed, self.images.shape, self.truth.edv_ml, self.truth.ef_percent)
        name = "/".join(map(str, (*drawn, *what)))
        return f"2.25.{uuid.uuid5(_UID_NAMESPACE, name).int}"

    def to_cine_stack(self) -> CineStack:
        """Return the short-axis stack as reading the written files would give it.

        Returns
        -------
        CineStack
            Without decisions and warnings.
        """
        n_slices, n_phases = self.images.shape[:2]
        return CineStack(
            images=self.images.astype(np.float32),
            pixel_spacing_mm=self.pixel_spacing_mm,
            positions_mm=self.positions_mm,
            times_ms=self.times_ms,
            affines=self.affines,
            study_uid=self.uid("study"),
            frame_of_reference_uid=self.uid("frame of reference"),
            series_uids=tuple(self.uid("sax", z) for z in range(n_slices)),
            sop_instance_uids=tuple(
                tuple(self.uid("sax", z, t) for t in range(n_phases)) for z in range(n_slices)
            ),
        )


def make_phantom(
    seed: int = 0,
    *,
    n_slices: int | None = None,
    n_phases: int | None = None,
    edv_ml: float | None = None,
    ef_percent: float | None = None,
) -> PhantomStudy:
    """Draw a heart and image it.

    Parameters
    ----------
    seed : int
        At least 0; the same seed and options give the same study.
    n_slices : int, optional
        3 to 30; by default as many as cover the LV at ED, 9 to 12. Fewer leave part of it out.
    n_phases : int, optional
        2 to 60; by default 20, 25 or 30.
    edv_ml : float, optional
        80 to 280 mL; drawn by default.
    ef_percent : float, optional
        20 to 70 %; drawn by default.

    Returns
    -------
    PhantomStudy
        ED is phase 0.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    _check("seed", seed, 0, 2**63 - 1)
    _check("n_slices", n_slices, 3, 30)
    _check("n_phases", n_phases, 2, 60)
    _check("edv_ml", edv_ml, 80, 280)
    _check("ef_percent", ef_percent, 20, 70)
    rng = np.random.default_rng(seed)
    # Every value is drawn whether used or not, so that one option does not change all the others.
    drawn_phases = int(rng.choice([20, 25, 30]))
    drawn_edv, drawn_ef = float(rng.uniform(80, 280)), float(rng.uniform(20, 70))
    heart = draw_beating_heart(
        rng,
        drawn_phases if n_phases is None else n_phases,
        drawn_edv if edv_ml is None else edv_ml,
        drawn_ef if ef_percent is None else ef_percent,
    )
    torso = draw_torso(rng)
    heart_to_patient = draw_pose(rng, heart)
    vendor = str(rng.choice([SIEMENS, GE]))
    scanner = draw_scanner(rng, vendor, torso.half_depth_mm)
    planes, levels_mm = draw_short_axis(rng, heart, heart_to_patient, vendor, n_slices)
    planes.append(two_chamber(heart, heart_to_patient, planes[0]))

    middle = heart_to_patient @ (0.0, 0.0, 0.5 * heart.phases[0].cavity.base_mm, 1.0)
    cines, coverages = [], []
    for plane in planes:
        gain = scanner.gain(plane, middle[:3])
        signal, cavity = render_cine(torso, heart, plane, heart_to_patient, gain)
        cines.append(scanner.acquire(signal, rng))
        coverages.append(np.rint(cavity * 255.0).astype(np.uint8))

    affines = np.stack([plane.affine for plane in planes[:-1]])
    positions_mm = affines[:, :3, 3] @ affines[0, :3, 2]
    areas_mm2 = np.stack([lv.cavity.area_mm2(levels_mm) for lv in heart.phases], axis=1)
    interval_ms = rng.uniform(700, 1100) * rng.uniform(0.97, 1.03, len(levels_mm))
    n = len(heart.phases)
    return PhantomStudy(
        seed=seed,
        images=np.stack(cines[:-1]),
        lv_coverage=np.stack(coverages[:-1]),
        affines=affines,
        pixel_spacing_mm=(planes[0].pixel_mm, planes[0].pixel_mm),
        positions_mm=positions_mm,
        thickness_mm=planes[0].thickness_mm,
        times_ms=np.round(interval_ms[:, None] * np.arange(n) / n, 2),
        long_axis_images=cines[-1],
        long_axis_affine=planes[-1].affine,
        heart_to_patient=heart_to_patient,
        vendor=vendor,
        truth=Truth(
            volumes_ml=np.array([lv.cavity.volume_ml for lv in heart.phases]),
            areas_mm2=areas_mm2,
            slice_volumes_ml=cone_volume_ml(areas_mm2.T, positions_mm),
        ),
    )


def write_study(phantom: PhantomStudy, folder: str | Path) -> tuple[Path, ...]:
    """Write a phantom as DICOM files, one folder a series, with its truth beside them.

    Parameters
    ----------
    phantom : PhantomStudy
        What to write.
    folder : str or Path
        Missing or empty; its parents are made. It appears only once it is complete.

    Returns
    -------
    tuple of Path
        The files written: ``truth.json`` first.

    Raises
    ------
    OutputError
        If the folder holds anything, or cannot be written.
    """
    out = Path(folder)
    check_folder(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}-", suffix=".part", dir=out.parent))
    except OSError as error:
        raise OutputError(f"{out}: cannot be written: {error.strerror or error}") from error
    try:
        names = _write_files(phantom, part)
        part.chmod(0o755)  # mkdtemp keeps others out; a study is for sharing
        part.rename(out)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return tuple(out / name for name in names)


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything.

    Parameters
    ----------
    folder : Path
        Where a study is to be written.

    Raises
    ------
    OutputError
        If it is a file, holds anything, or cannot be read.
    """
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise OutputError(f"{folder}: expected a missing or empty folder, got a file")
        if folder.is_dir() and any(folder.iterdir()):
            raise OutputError(f"{folder}: expected a missing or empty folder, got one with content")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _write_files(phantom: PhantomStudy, folder: Path) -> list[Path]:
    """Write everything into an existing folder; return paths relative to it."""
    # pydicom takes a third of a second to load, and phantoms are also used without files.
    from lvvol.dicom.write import CineSeries, StudyHeader, write_cine_series

    header = StudyHeader(
        patient_id=f"phantom-{phantom.seed}",
        study_uid=phantom.uid("study"),
        frame_of_reference_uid=phantom.uid("frame of reference"),
        manufacturer=phantom.vendor,
    )
    n_slices, n_phases = phantom.images.shape[:2]
    long_axis = CineSeries(
        images=phantom.long_axis_images,
        affine=phantom.long_axis_affine,
        pixel_spacing_mm=phantom.pixel_spacing_mm,
        thickness_mm=phantom.thickness_mm,
        times_ms=phantom.times_ms[0],
        number=1,
        description="2ch",
        uid=phantom.uid("2ch"),
        sop_instance_uids=tuple(phantom.uid("2ch", t) for t in range(n_phases)),
    )
    short_axis = [
        CineSeries(
            images=phantom.images[z],
            affine=phantom.affines[z],
            pixel_spacing_mm=phantom.pixel_spacing_mm,
            thickness_mm=phantom.thickness_mm,
            times_ms=phantom.times_ms[z],
            number=2 + n_slices - 1 - z,  # acquired from base to apex
            description="sax",
            uid=phantom.uid("sax", z),
            sop_instance_uids=tuple(phantom.uid("sax", z, t) for t in range(n_phases)),
        )
        for z in range(n_slices)
    ]
    truth = {
        "seed": phantom.seed,
        "positions_mm": phantom.positions_mm.tolist(),
        "heart_to_patient": phantom.heart_to_patient.tolist(),
        **phantom.truth.to_dict(),
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    names = [Path("truth.json")]
    for series in (long_axis, *short_axis):
        name = Path(f"{series.description}_{series.number}")
        (folder / name).mkdir()
        names += [name / file for file in write_cine_series(folder / name, series, header)]
    return names


def _check(name: str, value: float | None, low: float, high: float) -> None:
    """Refuse a number out of range."""
    if value is not None and not low <= value <= high:
        raise ValueError(f"{name}: expected {low} to {high}, got {value}")
