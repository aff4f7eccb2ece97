"""The layers: one small file each, a policy in, a handler out."""
