"""The HTTP API: documents, services, status, health; problem details for every error."""
