"""The opening example of the page, computed beforehand so that it shows before any model is loaded."""
