"""Explanations of a network's output: overlays, Grad-CAM, charts and attention shares."""
