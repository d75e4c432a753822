"""Small labelled datasets on disk, in the two layouts that lvvol reads."""

import cv2
import numpy as np

SHAPE = (96, 100)


def disc(radius, centre=(50, 46), shape=SHAPE):
    rows, columns = np.indices(shape) + 0.5
    return np.hypot(rows - centre[0], columns - centre[1]) < radius


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if path.suffix == ".webp" else []
    assert cv2.imwrite(str(path), image.astype(np.uint8), options)


def write_dsb2_plane(folder, patient, phase, position, source, image, mask, ending="webp"):
    stem = f"{patient:04d}_00000sax_{phase:02d}_{10000 + position:05d}_IM-{source:04d}-{phase:04d}"
    write(folder / f"{stem}.{ending}", image)
    if mask is not None:
        write(folder / f"{stem}_o.png", mask)


def write_dsb2_patient(folder, patient, radii, position=0, gap=10, source=4000, ending="webp"):
    """Write bright discs of radii (slice, [ED, ES]) on noise that differs by patient."""
    rng = np.random.default_rng(patient)
    for z, pair in enumerate(radii):
        for phase, radius in zip((1, 12), pair, strict=True):
            cavity = disc(radius)
            image = rng.integers(20, 90, SHAPE) + 110 * cavity
            place = (folder, patient, phase, position + gap * z, source + z)
            write_dsb2_plane(*place, image, 255 * cavity, ending)


def write_volumes(folder, volumes):
    """Write (EDV, ESV) in mL of each patient."""
    rows = [f"{patient},{esv},{edv}" for patient, (edv, esv) in volumes.items()]
    text = "\n".join(["Id,Systole,Diastole", *rows]) + "\n"
    (folder / "train_validate.csv").write_text(text, encoding="utf-8")


def write_sunnybrook_plane(folder, patient, instance, image, mask):
    name = f"{patient}-IM-0001-{instance:04d}.dcm.png"
    write(folder / "Images" / name, image)
    if mask is not None:
        write(folder / "Labels" / name, mask)
