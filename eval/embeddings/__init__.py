"""Embeddings of many images: selection, extraction loop and storage."""
