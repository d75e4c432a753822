"""Values inserted by mutations, and the tags to mutate."""

from __future__ import annotations

CHARACTER_SET = 0x00080005
POSITION, ORIENTATION, SPACING = 0x00200032, 0x00200037, 0x00280030
GEOMETRY = (POSITION, ORIENTATION, SPACING)
PATIENT, TRIGGER, ROWS, COLUMNS = 0x00100020, 0x00181060, 0x00280010, 0x00280011
# Rescaling, trigger time, nominal interval, thickness, spacing between slices, slice location.
DECIMALS = (0x00281052, 0x00281053, TRIGGER, 0x00181062, 0x00180050, 0x00180088, 0x00201041)
# Series, acquisition and instance number, frames, temporal position.
COUNTS = (0x00200011, 0x00200012, 0x00200013, 0x00280008, 0x00200100)
# Character set, image type, SOP class and instance, date and time of acquisition, modality, series
# description, patient's name and ID, study, series, frame of reference, photometric, sequence name.
TEXTS = (
    CHARACTER_SET, 0x00080008, 0x00080016, 0x00080018, 0x00080022, 0x00080032, 0x0008002A,
    0x00080060, 0x0008103E, 0x00100010, PATIENT, 0x0020000D, 0x0020000E, 0x00200052, 0x00280004,
    0x00180024,
)  # fmt: skip
# Rows, columns, samples, planar configuration, bits allocated, stored and highest, sign.
WHOLE = (ROWS, COLUMNS, 0x00280002, 0x00280006, 0x00280100, 0x00280101, 0x00280102, 0x00280103)
WHOLE_NUMBERS = (0, 1, 2, 3, 8, 12, 16, 32, 64, 255, 2047, 2048, 2049, 65535)

NUMBERS = (
    "nan", "NaN", "inf", "-inf", "1e400", "1e308", "-1e308", "3e38", "1e-320", "1e-40", "0", "-0",
    "-1", "1", "2", "90", "1e5", "1e9", "9999999", "1,5", "1.5.2", "--1", "0x10", "1_0", "1_000.5",
    "1e", "½", "²", "+1.5", ".5", "5.", "1d3", "1.5mm", "1\\2", "\\", "\\1", "1\\", "0.001",
    "0.0001", "100", "1000", "", " ", "1 5", "1\n", "1.5\0", "\0", "\u00a01.5", "-9" * 20,
    "9" * 400, "1" + "0" * 5000,
)  # fmt: skip

GARBAGE = (
    b"", b"\0\0", b"x", b"\x1b$B\x1b(B", b"\xff\xfe\xfd\xfc", b"ISO 2022 IR 87", b"GB18030",
    b"\\ISO 2022 IR 149", b"ISO_IR 192", b"nonsense", b"\\\\\\\\", b"1.2.3", b"20120000", b"MR",
    b"99999999999999", b"256199.9", b"CT", b"MONOCHROME1", b"RGB", b"PALETTE COLOR", b"YBR_FULL",
    b"A" * 60000, b"DERIVED\\SECONDARY", b"\r\n", b"\x1b[2J\x07", b"another", b"9" * 5000, b"NONE",
    bytes(range(128, 160)), "Ä€漢".encode(),
)  # fmt: skip

VRS = (
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"OB",
    b"OD", b"OF", b"OL", b"OV", b"OW", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"SV", b"TM",
    b"UC", b"UI", b"UL", b"UN", b"UR", b"US", b"UT", b"UV", b"??", b"\0\0", b"ZZ", b"ds",
)  # fmt: skip

SYNTAXES = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.8.1", "1.2.840.10008.5.1.4.1.1.4", "1.2.3", "x", "",
)  # fmt: skip
