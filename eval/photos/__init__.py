"""Studies on whole photos: cropping to people, and retrieval in other clothes."""
