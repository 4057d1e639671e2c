"""Files of a release, checks of its config.json, and downloads from the Hub."""
