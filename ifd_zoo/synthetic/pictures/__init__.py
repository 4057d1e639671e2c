"""Image formation: camera, visibility, materials, light and image degradations."""
