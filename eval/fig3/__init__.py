"""The paper's Fig. 3 for three photos."""
