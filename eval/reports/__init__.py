"""Figures as data, tables, charts and pages."""
