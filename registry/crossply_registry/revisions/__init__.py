"""The history of a tenant's policy: documents, signed change records, checkpoints and the head."""
