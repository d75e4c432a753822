"""From a measurement to its doubt: distributions, intervals and their calibration."""
