"""What a page for strangers refuses, limits and forgets: requests, inputs, guesses, uploads."""
