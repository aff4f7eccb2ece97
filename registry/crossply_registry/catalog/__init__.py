"""Who is in the mesh, as presence tells it."""
