"""People in photos: cropped to, and found again in other clothes."""
