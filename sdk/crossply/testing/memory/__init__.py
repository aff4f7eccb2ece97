"""A mesh in memory: one broker object, and links to it that behave like those over NATS."""
