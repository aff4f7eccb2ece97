"""The policy language: what operators say about a mesh, parsed and compiled without I/O or clock."""
