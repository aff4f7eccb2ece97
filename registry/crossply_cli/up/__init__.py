"""`crossply up`: a whole mesh on this machine, as child processes that one process supervises."""
