"""`crossply authority init`: everything that a mesh needs for its first start."""
