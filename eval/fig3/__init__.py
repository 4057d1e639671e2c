"""Fig. 3 of the paper for three photos."""
