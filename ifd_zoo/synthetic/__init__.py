"""Synthetic people who change their clothes, with exact human parsing maps: `python -m ifd_zoo.synthetic --help`.

Everything is drawn from one seed and rendered on the CPU with numpy and OpenCV; PyTorch is not needed.

    bodies/    who people are: the base mesh, identities, hair, poses
    clothes/   what they wear: the shared wardrobe, garment by garment
    people.py  brings the two together
    scenes/    where they are: light, backgrounds, things around them
    pictures/  how they are seen: camera, visibility, shading, faults of cameras
    studio.py  takes the pictures; options.py says how far they are from clean ones

`parts.py` is what is handed from one to the other. A set is planned (`plan.py`), drawn (`pool.py`, `worker.py`,
`writer.py`, `generate.py`) and described (`metadata.py`, `statistics.py`, `sheet.py`, `card.py`).
"""

GENERATOR_VERSION = '4'
"""Goes up when the same command gives other pictures."""
