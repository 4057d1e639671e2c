"""Where people are: light, backgrounds, and things behind and in front of them."""
