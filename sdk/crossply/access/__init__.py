"""Access as this process enforces it: who may do what with it, and what it may do itself."""
