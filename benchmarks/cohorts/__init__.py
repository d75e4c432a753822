"""Benchmarks of many studies."""
