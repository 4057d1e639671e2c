"""Protection of a page open to strangers: request and input checks, rate limits, quotas and deletion of uploads."""
