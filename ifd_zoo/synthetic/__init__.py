"""Synthetic people who change their clothes, with exact human parsing maps: `python -m ifd_zoo.synthetic --help`.

Everything is drawn from one seed and rendered on the CPU with numpy and OpenCV; PyTorch is not needed.
"""

GENERATOR_VERSION = '1'
"""Goes up when the same command gives other pictures."""
