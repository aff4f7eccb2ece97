"""The authority: who is who in a mesh, and the certificates and credentials that prove it."""
