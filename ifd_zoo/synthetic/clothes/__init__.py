"""What people wear: the shared wardrobe, and how each garment lies on a body."""
