"""Who is there: presence, the catalog of callees, and the vigil over them."""
