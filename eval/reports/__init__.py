"""Reports of metrics as data, tables, charts and pages."""
