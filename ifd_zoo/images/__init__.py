"""Pictures: what is read, in which formats, and with how much memory."""
