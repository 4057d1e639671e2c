"""What the page opens with: an example that is answered before any model is loaded."""
