"""Helpers shared by the whole package: errors, files, tables, lazy imports and the choices of flags."""
