"""The sheet is decoded by SimpleITK and compared with the stack's own images."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK

from lvvol.cine import CineStack
from lvvol.report import contact_sheet
from lvvol.report.contact_sheet import CAPTION, LABEL, RULE, choose_phases, draw_contact_sheet
from lvvol.report.picture import GUTTER, LINE, MARGIN, YELLOW, encode_png
from lvvol.status import Code, Reason
from tests.support.discs import disc_stack
from tests.support.surveys import a_stack


def blocks_stack(n_slices, n_phases, spacing_mm=(2.0, 1.0), gaps_mm=None, **values):
    """Coarse random blocks, other ones in every image; 40 x 50 pixels."""
    coarse = np.random.default_rng(1).random((n_slices, n_phases, 8, 10))
    gaps_mm = [10.0] * (n_slices - 1) if gaps_mm is None else gaps_mm
    affines = np.tile(np.eye(4), (n_slices, 1, 1))
    return CineStack(
        images=(100 * np.kron(coarse, np.ones((5, 5)))).astype(np.float32),
        pixel_spacing_mm=spacing_mm,
        positions_mm=np.cumsum([0.0, *gaps_mm]),
        times_ms=np.tile(40.0 * np.arange(n_phases), (n_slices, 1)),
        affines=affines,
        **values,
    )


def decoded(stack, folder):
    """The sheet as another library reads it: red, green, blue."""
    (folder / "sheet.png").write_bytes(encode_png(draw_contact_sheet(stack)))
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(folder / "sheet.png"))


def tiles(sheet, stack, size, wide=()):
    """Cut the images out of a sheet by counting from its bottom: (slice, column, row, column)."""
    height, width = size
    bottom = sheet.shape[0] - MARGIN
    rows = []
    for z in reversed(range(stack.n_slices)):
        top = bottom - GUTTER - height
        row = []
        for column in range(len(choose_phases(stack.n_phases))):
            left = MARGIN + LABEL + GUTTER + column * (width + GUTTER)
            row.append(sheet[top : top + height, left : left + width])
        rows.append(row)
        bottom = top - CAPTION - (RULE if z in wide else 0)
    return np.array(rows[::-1])


def at_pixel_centres(tile, shape):
    """The drawn grey at the centre of each of the stack's pixels."""
    r, c = (((np.arange(n) + 0.5) * tile.shape[i] / n).astype(int) for i, n in enumerate(shape))
    return tile[np.ix_(r, c)][..., 0].astype(float)


def test_each_tile_shows_its_slice_at_its_phase(tmp_path):
    stack = blocks_stack(4, 20, gaps_mm=[10, 30, 10])
    # 80 x 50 mm: 200 pixels high, 125 wide.
    cut = tiles(decoded(stack, tmp_path), stack, (200, 125), wide=[2])
    shown = np.array(
        [[at_pixel_centres(tile, (40, 50)).ravel() for tile in row] for row in cut]
    ).reshape(4 * 12, -1)
    phases = [0, 2, 3, 5, 7, 9, 10, 12, 14, 16, 17, 19]  # 19 / 11 apart
    truth = stack.images[:, phases].reshape(4 * 12, -1)
    correlation = np.corrcoef(shown, truth)[: len(shown), len(shown) :]
    assert np.diag(correlation).min() > 0.95
    assert (correlation - np.eye(len(shown))).max() < 0.6


def test_all_images_of_a_slice_share_one_window_and_slices_do_not(tmp_path):
    stack = blocks_stack(3, 6)
    stack.images[0, 3] *= 0.5
    stack.images[1] *= 20
    cut = tiles(decoded(stack, tmp_path), stack, (200, 125)).astype(float)
    assert cut[0, 3].mean() == pytest.approx(cut[0].mean() * 0.5, rel=0.2)
    assert cut[1].mean() == pytest.approx(cut[2].mean(), rel=0.2)


def test_what_moves_is_bright_beside_a_brighter_background():
    """Fat ten times as bright as a beating disc leaves the disc's grey as it was."""
    stack = disc_stack(3, 5)
    still = disc_stack(3, 5)
    still.images[:, :, 50:70, 40:70] = 2000
    disc, both = (
        contact_sheet.grey_window(contact_sheet._moving(s.images[0]), 97) for s in (stack, still)
    )
    assert disc == both


@pytest.mark.parametrize(
    ("n_phases", "chosen"),
    [(2, [0, 1]), (12, list(range(12))), (13, [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12])],
)
def test_phases_are_spread_from_the_first_to_the_last(n_phases, chosen):
    assert choose_phases(n_phases) == chosen


@pytest.mark.parametrize("n_phases", [25, 30, 100])
def test_at_most_twelve_phases_are_shown_at_even_steps(n_phases):
    chosen = choose_phases(n_phases)
    assert (len(chosen), chosen[0], chosen[-1]) == (12, 0, n_phases - 1)
    assert np.ptp(np.diff(chosen)) <= 1


@pytest.mark.parametrize(
    ("spacing_mm", "size"),
    # 40 x 50 pixels: 40 x 50, 80 x 50 and 40 x 100 mm.
    [((1.0, 1.0), (160, 200)), ((2.0, 1.0), (200, 125)), ((1.0, 2.0), (80, 200))],
)
def test_images_keep_their_proportions_in_mm(spacing_mm, size):
    assert contact_sheet.tile_size(blocks_stack(3, 5, spacing_mm)) == size


def test_many_slices_are_drawn_smaller_so_that_the_file_stays_small():
    stack = blocks_stack(60, 30)
    height, width = contact_sheet.tile_size(stack)
    assert height * width * 60 * 12 == pytest.approx(contact_sheet.MAX_PIXELS, rel=0.03)
    assert height / width == pytest.approx(80 / 50, rel=0.03)


def test_the_largest_sheet_stays_below_5_mb():
    # Nothing is harder to pack than noise smooth at the scale of a pixel, as MR images are.
    noise = np.random.default_rng(0).normal(size=(10, 12, 256, 256)).astype(np.float32)
    smooth = noise + np.roll(noise, 1, axis=2) + np.roll(noise, 1, axis=3)
    stack = replace(blocks_stack(10, 12), images=200 + 40 * smooth)
    assert len(encode_png(draw_contact_sheet(stack))) < 5_000_000


def yellow_rows(sheet):
    """Rows that are mostly drawn in the colour of warnings."""
    return int(((sheet == YELLOW).all(axis=2).mean(axis=1) > 0.5).sum())


def test_a_wide_gap_is_marked_by_a_line():
    even = draw_contact_sheet(blocks_stack(4, 12))
    wide = draw_contact_sheet(blocks_stack(4, 12, gaps_mm=[10, 25, 10]))
    two = draw_contact_sheet(blocks_stack(6, 12, gaps_mm=[25, 10, 10, 10, 25]))
    assert [yellow_rows(sheet) for sheet in (even, wide, two)] == [0, 1, 2]
    assert wide.shape[0] == even.shape[0] + RULE


def test_warnings_are_above_the_images():
    plain = draw_contact_sheet(blocks_stack(3, 12))
    reason = Reason(Code.FEW_SLICES, "few slices")
    warned = draw_contact_sheet(blocks_stack(3, 12, reasons=(reason,)))
    assert warned.shape[0] == plain.shape[0] + LINE
    assert np.array_equal(warned[-600:], plain[-600:])


def test_the_ends_and_the_series_are_beside_their_slices():
    """A remark on one slice changes its label and no other."""
    named = draw_contact_sheet(a_stack(apex=None))
    height = contact_sheet.tile_size(a_stack())[0] + CAPTION + GUTTER
    for change, rows in (
        ({"series_numbers": (5, 6, 77, 8)}, [2]),
        ({"apex": "last"}, [0, 3]),
    ):
        other = draw_contact_sheet(a_stack(**{"apex": None, **change}))
        bottom = -MARGIN
        changed = []
        for z in reversed(range(4)):
            top = bottom - height
            changed += [z] * int((named[top:bottom] != other[top:bottom]).any())
            bottom = top - (RULE if z == 2 else 0)
        assert changed[::-1] == rows


def test_times_that_are_not_known_are_left_out():
    known, unknown = blocks_stack(3, 5), blocks_stack(3, 5)
    unknown.times_ms[:] = np.nan
    assert draw_contact_sheet(unknown).sum() < draw_contact_sheet(known).sum()


@pytest.mark.parametrize(
    ("right", "down", "text"),
    [
        ((1, 0, 0), (0, 1, 0), "right edge L, bottom edge P"),
        ((-1, 0, 0), (0, 0, -1), "right edge R, bottom edge F"),
        ((0, -0.8, 0.6), (1, 0, 0), "right edge AH, bottom edge L"),
    ],
)
def test_the_edges_are_named_by_the_sides_of_the_patient(right, down, text):
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = 1.5 * np.array(down), 1.25 * np.array(right)
    assert contact_sheet.describe_directions(affine) == text


def test_images_that_never_change_are_drawn():
    stack = blocks_stack(3, 4)
    stack.images[:] = 7
    assert draw_contact_sheet(stack).any()
