"""Data, files and references that several tests, or tests and benchmarks, share."""
