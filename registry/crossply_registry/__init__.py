"""The control plane: an HTTP API in, signed revisions out."""
