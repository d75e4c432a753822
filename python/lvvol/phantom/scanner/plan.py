"""Random heart, pose and scanner of a study."""

from __future__ import annotations

import numpy as np

from lvvol.phantom.body.anatomy import beating_ventricle, contraction_curve
from lvvol.phantom.body.heart import Heart, draw_heart
from lvvol.phantom.scanner.render import Scanner
from lvvol.typing import Float64

SIEMENS = "SIEMENS"
GE = "GE MEDICAL SYSTEMS"

# Usual directions of short-axis images in patient LPS: right, down, and towards the base.
_RIGHT = np.array([0.64, 0.62, -0.45])
_BASEWARD = np.array([-0.54, 0.80, 0.26])


def draw_beating_heart(
    rng: np.random.Generator,
    n_phases: int,
    edv_ml: float,
    ef_percent: float,
    wall_mm: float | None = None,
) -> Heart:
    """Draw a heart of the given volumes; large hearts are rounder, weak ones shorten less."""
    es_phase = max(1, round(float(rng.uniform(0.32, 0.40)) * n_phases))
    contraction = contraction_curve(n_phases, es_phase)
    slender = 0.270 + 0.065 * (edv_ml - 80.0) / 200.0 + float(rng.uniform(-0.008, 0.012))
    # V = pi (slender L)^2 a (2/3 + k - k^3/3), a = L / (1 + k), k = 0.45: 2.353 slender^2 L^3.
    length_mm = (edv_ml * 1000.0 / (2.353 * slender**2)) ** (1.0 / 3.0)
    drawn_wall_mm = float(rng.uniform(7.0, 11.0))
    phases = beating_ventricle(
        edv_ml * (1.0 - contraction * ef_percent / 100.0),
        length_mm=length_mm,
        shortening=0.27 * ef_percent / 100.0,
        wall_mm=drawn_wall_mm if wall_mm is None else wall_mm,
        eccentricity=float(rng.uniform(0.94, 1.06)),
    )
    return draw_heart(rng, phases)


def draw_pose(rng: np.random.Generator, heart: Heart) -> Float64:
    """Draw the pose of the heart, as the map from heart coordinates to patient LPS mm."""
    u = _unit(_BASEWARD + rng.normal(0.0, 0.06, 3))
    right = _unit(_RIGHT - (_RIGHT @ u) * u)
    down = np.cross(u, right)
    turn = np.deg2rad(rng.uniform(12.0, 30.0))
    p = -np.cos(turn) * right + np.sin(turn) * down
    q = np.sin(turn) * right + np.cos(turn) * down
    middle = np.array([38.0, -36.0, 2.0]) + rng.normal(0.0, 4.0, 3)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([p, q, u], axis=1)
    matrix[:3, 3] = middle - 0.5 * heart.phases[0].cavity.base_mm * u
    return matrix


def draw_scanner(rng: np.random.Generator, vendor: str, half_depth_mm: float) -> Scanner:
    """Draw coils, noise and intensities typical of a vendor."""
    front, back = -half_depth_mm - 25.0, half_depth_mm + 30.0
    siemens = vendor == SIEMENS
    round_view = not siemens and bool(rng.random() < 0.65)
    return Scanner(
        coils_mm=(
            (80.0, front + 15.0, 50.0),
            (-60.0, front, 50.0),
            (90.0, front + 20.0, -60.0),
            (-50.0, front, -60.0),
            (90.0, back, 0.0),
            (-90.0, back, 0.0),
        ),
        coil_reach_mm=float(rng.uniform(60, 95)),
        coil_weight=float(rng.uniform(0.75, 1.1) if siemens else rng.uniform(1.0, 1.4)),
        shim_mm=(
            float(rng.normal(0.0, 18.0)),
            float(rng.normal(0.0, 18.0)),
            float(rng.normal(0.0, 18.0)),
        ),
        band_radius_mm=float(rng.uniform(165, 220)),
        wrap=float(rng.uniform(0.1, 0.35)),
        kept=(float(rng.uniform(0.7, 0.9)), float(rng.uniform(0.55, 0.75))),
        noise=float(rng.uniform(0.012, 0.026)),
        blood=float(rng.uniform(200, 450) if siemens else rng.uniform(220, 700)),
        round_view=round_view,
        bowed=float(rng.uniform(0.0, 0.16 if round_view else 0.10)) * (1.0 if siemens else -1.0),
    )


def _unit(vector: Float64) -> Float64:
    unit: Float64 = vector / np.linalg.norm(vector)
    return unit
