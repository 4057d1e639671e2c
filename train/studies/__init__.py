"""Studies of several trainings: their rows, the processes they run in, what these leave, and the report."""
