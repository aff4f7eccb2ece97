"""What an instance protects itself and others by, and what it keeps for that: rates, admission, kept replies."""
