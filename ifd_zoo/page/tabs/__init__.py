"""The tabs of the page, and modules for their parts."""
