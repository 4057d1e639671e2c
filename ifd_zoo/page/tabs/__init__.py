"""The tabs of the page: a file for each, and files for what one of them has beside its form."""
