"""The training of human parsers."""
