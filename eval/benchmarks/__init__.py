"""Benchmarks of `eval/bench.py`, one module per group of rows."""
