"""Evaluation of human parsers."""
