"""Clothes: the shared wardrobe, and how each garment is fitted to a body."""
