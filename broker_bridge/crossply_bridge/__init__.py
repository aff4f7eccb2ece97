"""The edge: HTTP to the mesh and back, as a sidecar or a gateway."""
