"""Fuzz test: mutate studies and check the stacks read from them; see docs/fuzz.md."""
