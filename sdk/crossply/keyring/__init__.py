"""The keys of a process that joined an authority: its own, its service's epochs, its channels' groups, its callees'.

What a process seals and opens with (``crossply.seal``) is fed from here. ``Member.keyring`` is the one of a process
that joined, after ``begin``; a stranger has none. All of it is synchronous and without I/O, for the hot path:

    keyring.own                     the ``Holder``: credential and private keys; replaced whole at a renewal
    keyring.on_renewal(listener)    called with the new ``Holder``, after ``ring`` and ``own`` have it
    keyring.lineage                 the right to these keys, which a forked child has not
    keyring.credentials             whose credentials were verified; the authority's list of revoked ones goes there
    keyring.ring                    the private keys to open with; renewed and fed here
    keyring.since                   for ``Opener(since=...)``: 0, or when these keys were taken up again after a restart
    keyring.recipient(service)      to whom to seal a call to whichever of a service takes it; None: not known (yet)
    keyring.group(channel)          the keys of a channel's events; None: not given (yet)

What is not known is asked for, by the ``KeyFeed`` of the running mesh, which follows what the authority announces:

    await feed.want(service)            -> Recipient | None     reads ``keys.<service>``; kept current from then on
    await feed.want_channel(channel, subscribe=False) -> Group | None    asks the authority, which judges by Access

None says that there is no such key, or that this process may not have it.
"""
