"""How people are seen: camera, visibility, materials, light, and the faults of cameras."""
