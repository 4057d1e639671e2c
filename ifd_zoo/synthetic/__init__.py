"""Generator of synthetic people who change clothes, with exact label maps: `python -m ifd_zoo.synthetic --help`.

Everything is drawn from one seed and rendered on the CPU with NumPy and OpenCV; PyTorch is not needed.

    bodies/    people: base mesh, identities, hair, poses
    clothes/   the shared wardrobe, garment by garment
    people.py  people in clothes
    scenes/    light, backgrounds, objects around people
    pictures/  image formation: camera, visibility, shading, degradations
    studio.py  renders the images; options.py holds the realism options

`parts.py` holds the types that these modules share. A data set is planned (`plan.py`), rendered (`pool.py`,
`worker.py`, `writer.py`, `generate.py`) and described (`metadata.py`, `statistics.py`, `sheet.py`, `card.py`).
"""

GENERATOR_VERSION = '4'
"""Raised whenever the same command gives different images."""
