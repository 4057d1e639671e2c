"""Who people are: the base mesh, identities, hair and poses."""
