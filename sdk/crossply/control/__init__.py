"""What operators decided: signed revisions, and the feed that follows them."""
