"""Mutated studies, and whether what is read from them is true; docs/fuzz.md tells of it."""
