"""`report.html`: one self-contained page to check a measurement by."""

from __future__ import annotations

from base64 import b64encode
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from lvvol.export.contours import contours_of
from lvvol.prediction import Prediction
from lvvol.provenance import Provenance
from lvvol.quantities import function_of, heart_cycle, indexed_of, volumes_of
from lvvol.report.curve import draw_curve, shade
from lvvol.report.distributions import draw_distributions
from lvvol.report.slices import summarise_slices
from lvvol.report.sprites import encode_sprite, flat_points, grey_phases
from lvvol.report.text import format_interval, format_number, one_line
from lvvol.report.view import choose_view
from lvvol.slice_choice import name_slices
from lvvol.typing import Float64

TILE = 192
"""Pixels that show a slice: about twice those of the scanner."""

USUAL_CYCLE_MS = 1000.0  # of the player, where the heart rate is unknown

_PARTS = Path(__file__).parent / "page_parts"


def make_page(prediction: Prediction, provenance: Provenance) -> str:
    """Make the page.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.
    provenance : Provenance
        Where it comes from. The page says who the patient is only as far as its `patient` does.

    Returns
    -------
    str
        HTML that loads nothing: styles, script and images are inside.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PARTS),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["number"] = format_number
    environment.filters["interval"] = format_interval
    environment.filters["line"] = one_line
    stack, curve = prediction.stack, draw_curve(prediction)
    return environment.get_template("report.html").render(
        p=prediction,
        level=prediction.intervals.level if prediction.intervals else None,
        calibration=prediction.intervals.source if prediction.intervals else "",
        stack=stack,
        patient=provenance.patient,
        version=version("lvvol"),
        weights_sha256=provenance.weights_sha256,
        volumes=volumes_of(prediction),
        function=function_of(prediction),
        indexed=indexed_of(prediction, provenance.patient),
        curve=curve.svg,
        distributions=draw_distributions(prediction),
        slices=_slices(prediction),
        left_out=name_slices(prediction.excluded),
        blood=prediction.blood,
        areas=_whole(prediction.areas_mm2),
        shades=shade(prediction.areas_mm2).round(3).tolist(),
        sums=_sums(prediction),
        series=[uid for uid in dict.fromkeys(stack.series_uids) if uid],
        n_images=sum(map(len, stack.sop_instance_uids)),
        data=_player(prediction, curve.xs),
        styles=(_PARTS / "report.css").read_text(encoding="utf-8"),
        script=(_PARTS / "player.js").read_text(encoding="utf-8"),
    )


def _whole(areas_mm2: Float64) -> list[list[int]]:
    """Return areas as whole numbers, by slice and phase."""
    whole: list[list[int]] = np.rint(areas_mm2).astype(int).tolist()
    return whole


def _sums(prediction: Prediction) -> dict[str, int]:
    """Return the areas of all slices together at ED and ES, from O and from P."""
    return {
        f"{source}_{name}": round(float(areas_mm2[:, t].sum()))
        for source, areas_mm2 in (
            ("o", prediction.areas_mm2),
            ("p", prediction.probability_areas_mm2),
        )
        for name, t in (("ed", prediction.ed_phase), ("es", prediction.es_phase))
    }


def _slices(prediction: Prediction) -> list[dict[str, Any]]:
    """Return number, position and end of every slice, and whether it is left out."""
    return [
        {
            "number": s.number,
            "position": f"{s.position_mm:.1f} mm",
            "end": s.end,
            "left_out": s.number - 1 in prediction.excluded,
        }
        for s in summarise_slices(prediction.stack)
    ]


def _player(prediction: Prediction, xs: list[float]) -> dict[str, Any]:
    """Return what the script needs: sprites, contours and times."""
    view = choose_view(prediction, TILE)
    cycle = heart_cycle(prediction.stack)
    areas_mm2 = _whole(prediction.areas_mm2)
    slices = []
    columns = 1
    for z, of_slice in enumerate(contours_of(prediction)):
        sprite, columns = encode_sprite(grey_phases(prediction, z, view))
        slices.append(
            {
                "sprite": "data:image/jpeg;base64," + b64encode(sprite).decode(),
                "contours": [flat_points(contours, view) for contours in of_slice],
                "areas": areas_mm2[z],
                "leftOut": z in prediction.excluded,
            }
        )
    return {
        "tile": TILE,
        "columns": columns,
        "phases": prediction.stack.n_phases,
        "ed": prediction.ed_phase,
        "es": prediction.es_phase,
        "volumes": [round(float(v), 1) for v in prediction.volumes_ml],
        "cycle": cycle[0] if cycle else USUAL_CYCLE_MS,
        "xs": xs,
        "slices": slices,
    }
