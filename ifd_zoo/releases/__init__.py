"""What a release is made of: its files, how its config.json is checked, and how it is fetched from the Hub."""
