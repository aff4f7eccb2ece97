"""Where an attempt goes: instances, how one is chosen, and the stacks that lead there."""
