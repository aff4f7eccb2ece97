"""The authority's API: joins for processes, and what operators do."""
