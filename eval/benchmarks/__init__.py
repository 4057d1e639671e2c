"""What `eval/bench.py` measures: a file for each group of rows."""
