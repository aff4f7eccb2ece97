"""Sealed messages on the wire: calls, replies, pings and events, to those who can open them and from those who may."""
