"""Volumes of solids known from geometry, and the gradients training takes through them."""

import numpy as np
import pytest
import torch

from lvvol.volume import (
    cone_volume_ml,
    ejection_fraction_percent,
    tapered_areas_mm2,
    trapezoid_volume_ml,
)


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


# Areas and positions of three stacks, and their volumes by hand, of cones and of trapezoids.
THREE_STACKS = (
    # (100 + 400 + 200) 12 / 3 + (400 + 0 + 0) 3 / 3; 500 / 2 12 + 400 / 2 3
    ([100.0, 400.0, 0.0], [5.0, 17.0, 20.0], 3.2, 3.6),
    # one slice holds nothing
    ([900.0], [1.0], 0.0, 0.0),
    # (300 + 300 + 300) 10 / 3; 600 / 2 10
    ([300.0, 300.0], [-10.0, 0.0], 3.0, 3.0),
)
AREAS_MM2, POSITIONS_MM = (np.concatenate([stack[i] for stack in THREE_STACKS]) for i in (0, 1))
N_SLICES = [len(stack[0]) for stack in THREE_STACKS]
BOTH = [cone_volume_ml, trapezoid_volume_ml]


@pytest.mark.parametrize(("volume_ml", "place"), [(BOTH[0], 2), (BOTH[1], 3)])
@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_stacks_of_any_number_of_slices_by_hand(volume_ml, place, kind):
    volumes = volume_ml(kind(AREAS_MM2), kind(POSITIONS_MM), N_SLICES)
    assert isinstance(volumes, type(kind(AREAS_MM2)))
    assert volumes.tolist() == pytest.approx([stack[place] for stack in THREE_STACKS])


@pytest.mark.parametrize("volume_ml", BOTH)
@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_phases_of_many_stacks_are_those_of_each_alone(volume_ml, kind):
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 13, 8).tolist()
    positions = [np.cumsum(rng.uniform(0.5, 20, n)) - 50 for n in counts]
    areas = [rng.uniform(0, 2000, (2, 5, n)) for n in counts]
    together = volume_ml(kind(np.concatenate(areas, -1)), kind(np.concatenate(positions)), counts)
    assert together.shape == (2, 5, 8)
    alone = [volume_ml(a, p) for a, p in zip(areas, positions, strict=True)]
    np.testing.assert_allclose(together, np.stack(alone, -1), rtol=1e-14)


def test_a_stack_that_is_no_number_leaves_the_others_alone():
    areas_mm2 = torch.tensor([1.0, np.nan, 300.0, 300.0], requires_grad=True)
    volumes = trapezoid_volume_ml(areas_mm2, torch.tensor([0.0, 1.0, 0.0, 10.0]), [2, 2])
    volumes[1].backward()
    assert volumes[1].item() == pytest.approx(3)
    assert areas_mm2.grad.tolist() == pytest.approx([0, 0, 0.005, 0.005])


@pytest.mark.parametrize("volume_ml", BOTH)
def test_tensors_and_arrays_agree(volume_ml):
    areas_mm2 = np.random.default_rng(1).uniform(0, 2000, (3, 2, 7)).swapaxes(0, 1)
    areas_mm2[0, 0, 3:] = 0
    positions_mm = np.array([0.0, 10, 13, 21, 29, 41.5, 42.5])
    of_arrays = volume_ml(areas_mm2, positions_mm)
    of_tensors = volume_ml(torch.tensor(areas_mm2), torch.tensor(positions_mm))
    assert isinstance(of_arrays, np.ndarray)
    assert isinstance(of_tensors, torch.Tensor)
    np.testing.assert_allclose(of_tensors, of_arrays, rtol=1e-13)
    single = volume_ml(torch.tensor(areas_mm2).float(), torch.tensor(positions_mm).float())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, of_arrays, rtol=1e-5)


REFUSED = [
    ([100.0, 90.0, 80.0], [0.0, 10.0], r"positions_mm: expected shape \(3,\), got \(2,\)"),
    ([100.0, 90.0], [[0.0, 10.0]], r"positions_mm: expected shape \(2,\), got \(1, 2\)"),
    (100.0, [0.0], "positions_mm: expected shape"),
    ([100.0, 90.0], [10.0, 0.0], r"positions_mm: expected increasing, got \[10.0, 0.0\]"),
    ([100.0, 90.0], [10.0, 10.0], "positions_mm: expected increasing"),
    ([100.0, 90.0], [0.0, np.nan], "positions_mm: expected increasing"),
]


@pytest.mark.parametrize("volume_ml", BOTH)
@pytest.mark.parametrize("kind", [np.array, torch.tensor])
@pytest.mark.parametrize(("areas_mm2", "positions_mm", "message"), REFUSED)
def test_places_that_do_not_fit_are_refused(volume_ml, kind, areas_mm2, positions_mm, message):
    with pytest.raises(ValueError, match=message):
        volume_ml(kind(areas_mm2), kind(positions_mm))


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
@pytest.mark.parametrize("area_mm2", [-1.0, np.nan])
def test_cones_refuse_areas_that_cannot_be(kind, area_mm2):
    with pytest.raises(ValueError, match=f"areas_mm2: expected at least 0, got {area_mm2}"):
        cone_volume_ml(kind([100.0, area_mm2]), kind([0.0, 10.0]))


@pytest.mark.parametrize("volume_ml", BOTH)
@pytest.mark.parametrize(
    "areas_mm2", [np.ones(2, np.float16), torch.ones(2).half(), torch.ones(2).bfloat16()]
)
def test_half_precision_is_refused_lest_areas_overflow(volume_ml, areas_mm2):
    with pytest.raises(ValueError, match=r"areas_mm2: expected at least 32 bits per value, got"):
        volume_ml(areas_mm2, areas_mm2)


@pytest.mark.parametrize("volume_ml", BOTH)
@pytest.mark.parametrize("n_slices", [[2, 1], [2, 3], [4, 0], [5, -1], [], (4, 1)])
def test_counts_that_do_not_share_out_the_slices_are_refused(volume_ml, n_slices):
    with pytest.raises(ValueError, match=r"n_slices: .* at least 1 that add up to 4, got \["):
        volume_ml(np.ones(4), np.arange(4.0), n_slices)


def test_positions_increase_within_each_stack():
    areas_mm2, positions_mm = np.ones(4), np.array([0.0, 10.0, 5.0, 4.0])
    with pytest.raises(ValueError, match=r"expected increasing, got \[5.0, 4.0\]"):
        trapezoid_volume_ml(areas_mm2, positions_mm, [2, 2])
    with pytest.raises(ValueError, match="expected increasing"):
        trapezoid_volume_ml(areas_mm2, positions_mm, [1, 3])


def test_trapezoid_by_hand_over_uneven_gaps():
    # (100 + 200) / 2 * 10 + (200 + 0) / 2 * 4 + (0 - 50) / 2 * 8 = 1500 + 400 - 200 mm3
    areas_mm2, positions_mm = (
        np.array([100.0, 200.0, 0.0, -50.0]),
        np.array([3.0, 13.0, 17.0, 25.0]),
    )
    assert trapezoid_volume_ml(areas_mm2, positions_mm) == pytest.approx(1.7)


def test_trapezoid_is_that_of_torch():
    areas_mm2 = torch.from_numpy(np.random.default_rng(0).uniform(-50, 2000, (3, 2, 7)))
    positions_mm = torch.tensor([0.0, 10, 13, 21, 29, 41.5, 42.5])
    expected = torch.trapezoid(areas_mm2, positions_mm) / 1000
    np.testing.assert_allclose(trapezoid_volume_ml(areas_mm2, positions_mm), expected, rtol=1e-12)


@pytest.mark.parametrize("volume_ml", BOTH)
@pytest.mark.parametrize("n_slices", [None, [3, 1, 5], [2, 7]])
def test_gradients_are_those_of_finite_differences(volume_ml, n_slices):
    generator = torch.Generator().manual_seed(0)
    areas_mm2 = 1 + 1000 * torch.rand(2, 9, generator=generator, dtype=torch.float64)
    gaps_mm = 0.5 + 12 * torch.rand(9, generator=generator, dtype=torch.float64)
    if volume_ml is trapezoid_volume_ml:
        areas_mm2[:, ::4] = 0  # where the root of eq. 3 has no derivative
        areas_mm2[0, 1] = -20
    assert torch.autograd.gradcheck(
        lambda areas, positions: volume_ml(areas, positions, n_slices),
        (areas_mm2.requires_grad_(), gaps_mm.cumsum(0).requires_grad_()),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("areas_mm2", "slopes"),
    [
        # Without the root, the slope of each area is a third of the gaps beside it.
        ([0.0, 0.0, 0.0], [3, 5, 2]),
        ([0.0, 600.0, 0.0], [3, 5, 2]),
        ([400.0, 0.0, 400.0], [3, 5, 2]),
        # sqrt(100 * 400) rises by 400 / (2 * 200) a mm2 of the first, by 100 / (2 * 200) of the
        # second.
        ([100.0, 400.0, 0.0], [3 + 3, 5 + 3 / 4, 2]),
    ],
)
def test_the_slope_of_cones_is_finite_where_an_area_is_0(areas_mm2, slopes, dtype):
    areas = torch.tensor(areas_mm2, dtype=dtype, requires_grad=True)
    cone_volume_ml(areas, torch.tensor([0, 9, 15], dtype=dtype)).backward()
    assert (1000 * areas.grad).tolist() == pytest.approx(slopes)


def test_the_slope_of_cones_is_finite_for_the_smallest_numbers():
    for smallest in (1e-45, 1e-38, 1e-20):
        areas = torch.tensor([smallest, 2000, smallest, smallest, 0], requires_grad=True)
        cone_volume_ml(areas, torch.arange(5.0)).backward()
        assert areas.grad.isfinite().all()


def test_training_on_cones_reaches_the_volume_from_an_empty_stack():
    """Where every area starts at 0, the slopes still lead to the truth."""
    areas = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    positions_mm = torch.tensor([0.0, 8.0, 18.0, 24.0], dtype=torch.float64)
    optimizer = torch.optim.Adam([areas], lr=20)
    for _ in range(200):
        optimizer.zero_grad()
        error = (cone_volume_ml(areas.clamp_min(0), positions_mm) - 50).abs()
        error.backward()
        optimizer.step()
    assert error < 2


def test_ejection_fraction_of_each_patient():
    ef_percent = ejection_fraction_percent([200.0, 80.0, 0.0], [50.0, 100.0, 0.0])
    np.testing.assert_array_equal(ef_percent, [75.0, -25.0, np.nan])
    np.testing.assert_array_equal(ejection_fraction_percent(100.0, [[30.0], [80.0]]), [[70], [20]])


def test_volumes_of_different_patients_have_no_ejection_fraction():
    with pytest.raises(ValueError, match=r"esv_ml: expected .* edv_ml \(2,\), got \(3,\)"):
        ejection_fraction_percent([1.0, 2.0], [1.0, 2.0, 3.0])


def test_slices_that_taper_keep_their_areas():
    areas_mm2 = np.array([[0.0, 0], [300, 100], [900, 500], [1400, 800], [1500, 700], [1200, 0]])
    np.testing.assert_array_equal(tapered_areas_mm2(areas_mm2), areas_mm2)
    np.testing.assert_array_equal(tapered_areas_mm2(areas_mm2[::-1]), areas_mm2[::-1])


def test_what_lies_beyond_either_end_of_the_lv_is_limited():
    # Muscle beyond the apex at ES, then the LV, and an atrium that grows as the base leaves.
    areas_mm2 = np.array(
        [[400.0, 700], [300, 100], [1000, 400], [1200, 600], [1000, 0], [600, 900]]
    )
    expected = [[375.0, 125], [300, 100], [1000, 400], [1200, 600], [1000, 0], [600, 0]]
    np.testing.assert_allclose(tapered_areas_mm2(areas_mm2), expected)
    np.testing.assert_allclose(tapered_areas_mm2(areas_mm2[::-1]), expected[::-1])


@pytest.mark.parametrize("areas", [[[5.0, 3.0]], [[5.0, 3.0], [8.0, 1.0]]])
def test_short_stacks_taper_too(areas):
    tapered = tapered_areas_mm2(np.array(areas))
    assert tapered.shape == (len(areas), 2)
    assert (tapered <= areas).all()
    assert tapered[-1, 0] == areas[-1][0]  # the widest


def test_tapering_changes_a_copy():
    areas_mm2 = np.array([[700.0], [100.0], [900.0]])
    tapered_areas_mm2(areas_mm2)
    assert areas_mm2[0, 0] == 700.0
