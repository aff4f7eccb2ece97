"""The keys that an authority makes for services and channels: ciphertext in the store, an epoch ahead of their use."""
