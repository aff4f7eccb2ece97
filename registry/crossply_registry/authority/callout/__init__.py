"""The auth callout: brokers ask who connects, and are told what that connection may."""
