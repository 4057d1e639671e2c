"""Training augmentations of images and their label maps."""
