"""People: the base mesh, identities, hair and poses."""
