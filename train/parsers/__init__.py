"""Training of human parsers."""
