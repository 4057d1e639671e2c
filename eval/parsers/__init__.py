"""Human parsers measured."""
