"""The abdomen: liver, stomach, spleen, kidneys and bowel in fat."""

from __future__ import annotations

import numpy as np

from lvvol.phantom.body.shapes import Canvas, Samples, capsule, coverage, ellipsoid, smooth_union
from lvvol.phantom.body.tissue import FAT, GAS, KIDNEY, LIVER, MUSCLE, SPLEEN, Weave


def paint_abdomen(
    abdomen: Canvas, weave: Weave, below: Samples, half_depth_mm: float, width_mm: float
) -> None:
    """Paint the organs below the diaphragm.

    Parameters
    ----------
    abdomen : Canvas
        Samples in patient LPS mm, near or below the diaphragm.
    weave : Weave
        Random variation of borders and signal.
    below : ndarray of float32
        Distance to the diaphragm and the ribs, negative below them.
    half_depth_mm : float
        Front-to-back semi-axis of the body.
    width_mm : float
        Width of a sample.
    """
    x, y, z = abdomen.points
    where = abdomen.where
    uneven, loops, grain = weave.uneven[where], weave.loops[where], weave.grain[where]
    abdomen.paint(coverage(below, width_mm), MUSCLE)
    cavity = below + 2.2
    inside = coverage(cavity, width_mm)
    abdomen.paint(inside, 0.85 * weave.fat(where))
    twigs = np.maximum(cavity, (weave.net[where] - 0.22) * 6.0)
    abdomen.paint(coverage(twigs, width_mm), 0.35)

    def organ(distance: Samples, value: Samples | float, rim_mm: float = 1.5) -> None:
        abdomen.paint(coverage(np.maximum(distance, cavity + rim_mm), width_mm), value)

    _paint_bowel(abdomen, weave, cavity, width_mm)
    for kidney_x, top in ((60.0, -100.0), (-62.0, -112.0)):
        kidney = ellipsoid(
            abdomen.points, (kidney_x, 0.46 * half_depth_mm, top), (29.0, 25.0, 52.0)
        )
        organ(kidney - 9.0 + 2.0 * loops, weave.fat(where))
        organ(kidney + 1.5 * uneven, KIDNEY * (1.0 + 0.06 * grain))
        fibre = weave.fibre[where]
        organ(kidney + 9.0 + 3.0 * loops + 3.5 * fibre, 0.36)
        organ(kidney + 16.0 + 4.0 * fibre, FAT * 0.85)
    spleen = ellipsoid(abdomen.points, (104.0, 0.42 * half_depth_mm, -48.0), (30.0, 36.0, 44.0))
    veins = np.where(weave.finer[where] < 0.2, np.float32(0.62), SPLEEN * (1.0 + 0.05 * grain))
    organ(spleen + 3.0 * uneven + 1.5 * loops, veins, 4.0)
    # The stomach: fundus under the left dome, body towards the front and the midline.
    fundus = ellipsoid(abdomen.points, (72.0, 0.22 * half_depth_mm, -52.0), (30.0, 27.0, 29.0))
    body = capsule(abdomen.points, (66.0, 4.0, -66.0), (24.0, -0.42 * half_depth_mm, -104.0), 19.0)
    stomach = smooth_union(fundus, body, 14.0) + 4.0 * uneven + 3.0 * loops
    organ(stomach, 0.28)
    lumen = stomach + 4.5 + 1.8 * weave.fibre[where]
    organ(lumen, 0.42 + 0.16 * loops + 0.08 * grain)
    # Gas rises to the front in a supine patient.
    organ(np.maximum(lumen, y - (-0.02 * half_depth_mm + 5.0 * uneven)), GAS)
    # The left lobe of the liver reaches under the heart and thins out to the left.
    floor_mm = np.maximum(-62.0 + 0.85 * (x - 30.0) + 0.2 * (y + 30.0), -165.0)
    liver = np.maximum(0.74 * (floor_mm - z), x - 66.0)
    liver = np.maximum(liver, 0.75 * (y - 0.50 * half_depth_mm) + 0.45 * (x + 20.0))
    liver = liver + 7.0 * uneven + 5.0 * loops
    wide, thin = weave.net[where], weave.finer[where]
    tissue = LIVER * (1.0 + 0.06 * grain)
    tissue = np.maximum(tissue, 0.80 - 2.6 * np.maximum(wide - 0.10, 0.0))
    tissue = np.maximum(tissue, 0.62 - 2.6 * np.maximum(thin - 0.12, 0.0))
    organ(liver, tissue, 0.5)
    bladder = ellipsoid(abdomen.points, (-40.0, -0.42 * half_depth_mm, -128.0), (11.0, 14.0, 20.0))
    organ(bladder, 0.9)


def _paint_bowel(abdomen: Canvas, weave: Weave, cavity: Samples, width_mm: float) -> None:
    """Paint loops of bowel: thin walls around contents of every brightness, some with gas."""
    where = abdomen.where
    _, y, z = abdomen.points
    loops, fibre = weave.loops[where], weave.fibre[where]
    room = np.maximum(cavity + 5.0, z + 74.0)
    for level, sign in ((0.75, 1.0), (0.85, -1.0)):
        loop = np.maximum(room, (level - sign * (loops + 0.35 * fibre)) * 9.0)
        abdomen.paint(coverage(loop, width_mm), 0.30)
        content = np.clip(0.40 + 0.16 * fibre + 0.14 * weave.grain[where], 0.06, 0.9)
        abdomen.paint(coverage(loop + 2.5 + 0.8 * fibre, width_mm), content)
        gas = np.maximum(loop + 3.0, (y + 45.0) * 0.4 + 8.0 * sign * fibre)
        abdomen.paint(coverage(gas, width_mm), GAS)
