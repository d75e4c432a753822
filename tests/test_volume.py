"""Volumes of solids known from geometry, and the gradients training takes through them."""

import numpy as np
import pytest
import torch

from lvvol.volume import cone_volume_ml, ejection_fraction_percent, trapezoid_volume_ml


def test_cylinder_is_area_times_height():
    areas_mm2 = np.full(5, 1200.0)
    positions_mm = np.array([-20.0, -10.0, 0.0, 10.0, 20.0])
    assert cone_volume_ml(areas_mm2, positions_mm) == pytest.approx(1200 * 40 / 1000)


def test_cone_cut_at_uneven_gaps_is_exact():
    # A cone of base radius 30 mm and height 90 mm: pi 30^2 90 / 3 mm3, however it is sliced.
    positions_mm = np.array([0.0, 7.0, 31.0, 32.5, 80.0, 90.0])
    areas_mm2 = np.pi * (30 * (1 - positions_mm / 90)) ** 2
    assert cone_volume_ml(areas_mm2, positions_mm) == pytest.approx(np.pi * 30**2 * 90 / 3 / 1000)


def test_truncated_cone_is_that_of_the_textbook():
    r, s, h = 25.0, 10.0, 12.0
    areas_mm2 = np.pi * np.array([r, s]) ** 2
    expected_mm3 = np.pi * h / 3 * (r * r + r * s + s * s)
    assert cone_volume_ml(areas_mm2, np.array([5.0, 5.0 + h])) == pytest.approx(expected_mm3 / 1000)


def test_cones_of_many_phases_are_each_their_own():
    positions_mm = np.array([0.0, 10.0, 25.0])
    areas_mm2 = np.array([[100.0, 100.0, 100.0], [300.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert cone_volume_ml(areas_mm2, positions_mm).tolist() == pytest.approx([2.5, 1.0, 0.0])


@pytest.mark.parametrize(
    ("areas_mm2", "positions_mm", "message"),
    [
        ([100.0, -1.0], [0.0, 10.0], "areas_mm2: expected at least 0, got -1"),
        ([100.0, 90.0, 80.0], [0.0, 10.0], r"positions_mm: expected shape \(3,\), got \(2,\)"),
        ([100.0, 90.0], [[0.0, 10.0]], r"positions_mm: expected shape \(2,\), got \(1, 2\)"),
        (100.0, [0.0], "positions_mm: expected shape"),
        ([100.0, 90.0], [10.0, 0.0], "positions_mm: expected increasing"),
        ([100.0, 90.0], [10.0, 10.0], "positions_mm: expected increasing"),
        ([100.0, 90.0], [0.0, np.nan], "positions_mm: expected increasing"),
    ],
)
def test_cone_refuses(areas_mm2, positions_mm, message):
    with pytest.raises(ValueError, match=message):
        cone_volume_ml(np.array(areas_mm2), np.array(positions_mm))


def test_trapezoid_by_hand_over_uneven_gaps():
    # (100 + 200) / 2 * 10 + (200 + 0) / 2 * 4 + (0 - 50) / 2 * 8 = 1500 + 400 - 200 mm3
    areas_mm2, gaps_mm = np.array([100.0, 200.0, 0.0, -50.0]), np.array([10.0, 4.0, 8.0])
    assert trapezoid_volume_ml(areas_mm2, gaps_mm) == pytest.approx(1.7)


def test_trapezoid_agrees_with_torch_for_arrays_and_tensors():
    areas_mm2 = np.random.default_rng(0).uniform(-50, 2000, (3, 2, 7))
    gaps_mm = np.array([10.0, 3.0, 8.0, 8.0, 12.5, 1.0])
    expected = torch.trapezoid(torch.from_numpy(areas_mm2), torch.tensor([0, *gaps_mm]).cumsum(0))
    of_tensors = trapezoid_volume_ml(torch.from_numpy(areas_mm2), torch.from_numpy(gaps_mm))
    of_arrays = trapezoid_volume_ml(areas_mm2, gaps_mm)
    assert isinstance(of_tensors, torch.Tensor)
    assert isinstance(of_arrays, np.ndarray)
    np.testing.assert_allclose(of_tensors, expected / 1000, rtol=1e-12)
    np.testing.assert_allclose(of_arrays, expected / 1000, rtol=1e-12)


def test_a_gap_of_nothing_pads_a_stack():
    padded = trapezoid_volume_ml(np.array([100.0, 300.0, 0.0]), np.array([10.0, 0.0]))
    assert padded == pytest.approx(2.0)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_trapezoid_refuses_gaps_of_another_stack(kind):
    with pytest.raises(ValueError, match=r"gaps_mm: expected one fewer .*\(2, 4\), got \(1,\)"):
        trapezoid_volume_ml(kind(np.ones((2, 4))), kind(np.ones(1)))


def test_gradient_of_the_trapezoid_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    areas_mm2 = torch.rand(2, 5, generator=generator, dtype=torch.float64) * 1000
    areas_mm2[0, 2] = 0  # where the root of eq. 3 has no finite gradient
    gaps_mm = torch.tensor([10.0, 8.0, 0.5, 12.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        trapezoid_volume_ml, (areas_mm2.requires_grad_(), gaps_mm.requires_grad_())
    )


def test_ejection_fraction_of_each_patient():
    ef_percent = ejection_fraction_percent([200.0, 80.0, 0.0], [50.0, 100.0, 0.0])
    np.testing.assert_array_equal(ef_percent, [75.0, -25.0, np.nan])
    np.testing.assert_array_equal(ejection_fraction_percent(100.0, [[30.0], [80.0]]), [[70], [20]])


def test_volumes_of_different_patients_have_no_ejection_fraction():
    with pytest.raises(ValueError, match=r"esv_ml: expected .* edv_ml \(2,\), got \(3,\)"):
        ejection_fraction_percent([1.0, 2.0], [1.0, 2.0, 3.0])
