"""What was decided about messages: entries, where they wait, and how they reach the audit stream."""
