"""Studies of several training runs: their rows, processes, records and reports."""
