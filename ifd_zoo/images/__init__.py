"""Image files: supported formats, loading and limits on memory."""
