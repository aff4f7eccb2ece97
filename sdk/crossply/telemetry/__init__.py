"""What happened, for those who watch: logs, counts and spans."""
