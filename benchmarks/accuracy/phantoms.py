"""Phantoms measured against their closed-form volumes, and where the difference lies.

``python -m benchmarks.accuracy.phantoms [DSB2_PNG]`` measures seeds 1 to 12 and writes
``results/phantoms.json``. ``edge_percent`` is how far the grey value at the cavity's edge has
fallen from that of blood to that of the wall: at the phantoms' true edge and, with DSB2_PNG, at
the edge that annotators drew in the validation patients.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.command import run
from lvvol import predict
from lvvol.datasets import LabelledStack, Part, read_dataset
from lvvol.datasets.phantoms import phantom_labels
from lvvol.phantom import PhantomStudy, make_phantom
from lvvol.typing import Float64
from lvvol.volume import cone_volume_ml, tapered_areas_mm2

SEEDS = range(1, 13)
SMALLEST_PIXELS = 150
"""Masks below this have no inside that is far enough from the edge."""


def compare(phantoms: Iterable[PhantomStudy]) -> dict[str, Any]:
    """Return the errors of EDV and ESV, their parts, and the warnings, of each phantom.

    Errors and parts are in percent of the true volume. ``ring_mm`` is by how much larger the
    measured radius is, that of a circle of the slice's area.
    """
    each = []
    for phantom in phantoms:
        measured = predict(phantom.to_cine_stack())
        truth, positions_mm = phantom.truth, phantom.reading.positions_mm
        entry: dict[str, Any] = {
            "seed": phantom.seed,
            "edv_error_percent": 100 * (measured.edv_ml / truth.edv_ml - 1),
            "esv_error_percent": 100 * (measured.esv_ml / truth.esv_ml - 1),
            "warnings": list(measured.warnings),
        }
        for name, true_phase, phase in (
            ("edv", truth.ed_phase, measured.ed_phase),
            ("esv", truth.es_phase, measured.es_phase),
        ):
            true_mm2 = truth.areas_mm2[:, true_phase]
            mm2 = tapered_areas_mm2(measured.areas_mm2)[:, phase]
            entry |= {
                f"{name}_{part}": value
                for part, value in parts(
                    mm2, true_mm2, positions_mm, float(truth.volumes_ml[true_phase])
                ).items()
            }
        each.append(entry)
    summary = {}
    for name in each[0]:
        if name not in ("seed", "warnings"):
            values = np.array([entry[name] for entry in each])
            summary[name] = {
                "mean": float(values.mean()),
                "lowest": float(values.min()),
                "highest": float(values.max()),
            }
    return {**summary, "each": each}


def parts(
    areas_mm2: Float64, true_areas_mm2: Float64, positions_mm: Float64, true_ml: float
) -> dict[str, float]:
    """Split a volume's error: too few slices, too large areas, areas where there is no cavity."""
    cut = true_areas_mm2 > 0
    volumes_ml = [
        true_ml,
        float(cone_volume_ml(true_areas_mm2, positions_mm)),
        float(cone_volume_ml(np.where(cut, areas_mm2, 0.0), positions_mm)),
        float(cone_volume_ml(areas_mm2, positions_mm)),
    ]
    sampling, ring, beyond = 100 * np.diff(volumes_ml) / true_ml
    inner = np.flatnonzero(cut)[1:-1]
    radii_mm = np.sqrt(areas_mm2[inner] / np.pi) - np.sqrt(true_areas_mm2[inner] / np.pi)
    return {
        "sampling_percent": float(sampling),
        "ring_percent": float(ring),
        "beyond_percent": float(beyond),
        "ring_mm": float(radii_mm.mean()),
    }


def edge_percent(stacks: Iterable[LabelledStack]) -> dict[str, float]:
    """Return how far grey has fallen from blood to wall at the masks' edge, at ED and ES.

    The median over all slices but the outermost two with a mask. Blood is what lies 4 mm or more
    inside the edge, wall what lies 2 to 4 mm outside; pixels are 1 mm.
    """
    fallen: tuple[list[float], list[float]] = [], []
    for labels in stacks:
        for t, found in enumerate(fallen):
            large = labels.masks[:, t].sum(axis=(1, 2)) > SMALLEST_PIXELS
            for z in np.flatnonzero(large)[1:-1]:
                image, mask = labels.stack.images[z, t], labels.masks[z, t].astype(np.uint8)
                # Centres next to the edge are half a pixel from it.
                inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5) - 0.5
                outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5) - 0.5
                blood = np.median(image[inside >= 4])
                wall = np.median(image[(outside >= 2) & (outside <= 4)])
                edge = 0.5 * (np.median(image[inside == 0.5]) + np.median(image[outside == 0.5]))
                if blood > wall:
                    found.append(float(100 * (blood - edge) / (blood - wall)))
    return {"ed": float(np.median(fallen[0])), "es": float(np.median(fallen[1]))}


def main(dsb2_png: Path | None = None) -> dict[str, Any]:
    """Measure the phantoms, and the edges of phantoms and patients."""
    report = compare(make_phantom(seed) for seed in SEEDS)
    edges = {"phantoms": edge_percent(phantom_labels(seed) for seed in SEEDS)}
    if dsb2_png is not None:
        edges["dsb2"] = edge_percent(read_dataset(dsb2_png, {Part.VALIDATION}))
    return {"edge_percent": edges, **report}


if __name__ == "__main__":
    run(main, __doc__, "[DSB2_PNG]", results="phantoms")
