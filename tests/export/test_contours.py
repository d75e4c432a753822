"""`contours.json` against discs whose place in the patient is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lvvol.export.contours import format_contours
from tests.support.discs import CENTRE_MM, ED_RADIUS_MM, PIXEL_SPACING_MM, disc_prediction


def tilted(prediction):
    """Turn the stack by 30 degrees about the patient's x axis and move it."""
    turn = np.array([[1, 0, 0], [0, np.cos(0.5), -np.sin(0.5)], [0, np.sin(0.5), np.cos(0.5)]])
    affines = prediction.stack.affines.copy()
    affines[:, :3, :3] = turn @ affines[:, :3, :3]
    affines[:, :3, 3] = affines[:, :3, 3] @ turn.T + [7.0, -20.0, 300.0]
    return replace(prediction, stack=replace(prediction.stack, affines=affines))


def area_in_space(points):
    """Half the length of the summed cross products of neighbouring corners."""
    points = np.array(points)
    return np.linalg.norm(np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)) / 2


def test_polygons_measured_again_give_the_area():
    prediction = tilted(disc_prediction())
    document = json.loads(format_contours(prediction))
    for z, of_slice in enumerate(document["slices"]):
        for t, phase in enumerate(of_slice["phases"]):
            (polygon,) = phase["polygons"]
            measured = area_in_space(polygon["points_mm"])
            assert measured == pytest.approx(phase["area_mm2"], rel=1e-3)
            assert measured == pytest.approx(prediction.probability_areas_mm2[z, t], rel=1e-3)


def test_polygons_lie_where_the_disc_is_in_the_patient():
    prediction = tilted(disc_prediction())
    document = json.loads(format_contours(prediction))
    for z in (0, 3):
        centre = np.array([*(CENTRE_MM / PIXEL_SPACING_MM - 0.5), 0, 1])
        centre_mm = (prediction.stack.affines[z] @ centre)[:3]
        (polygon,) = document["slices"][z]["phases"][0]["polygons"]
        away = np.linalg.norm(np.array(polygon["points_mm"]) - centre_mm, axis=1)
        assert np.abs(away - ED_RADIUS_MM).max() < 0.25


def test_holes_are_marked():
    prediction = disc_prediction()
    prediction.lv_probability[1, 2, 22:26, 22:26] = 0
    document = json.loads(format_contours(prediction))
    holes = [polygon["hole"] for polygon in document["slices"][1]["phases"][2]["polygons"]]
    assert sorted(holes) == [False, True]


def test_each_phase_names_its_image():
    prediction = disc_prediction(n_slices=3, n_phases=4)
    uids = tuple(tuple(f"{z}.{t}" for t in range(4)) for z in range(3))
    named = replace(prediction, stack=replace(prediction.stack, sop_instance_uids=uids))
    slices = json.loads(format_contours(named))["slices"]
    assert [[p["sop_instance_uid"] for p in s["phases"]] for s in slices] == [*map(list, uids)]
    slices = json.loads(format_contours(prediction))["slices"]
    assert slices[0]["phases"][0]["sop_instance_uid"] == ""
