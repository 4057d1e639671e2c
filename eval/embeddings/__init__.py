"""Embeddings of many images: which, by which loop, and where they are kept."""
