"""What a network looks at, as pictures and as numbers."""
