"""The command crossply."""
