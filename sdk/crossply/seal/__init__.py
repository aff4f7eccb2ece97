"""Sealed messages, suites 0x01, 0x11 and 0x12: bytes in, bytes out; ``wire.sealed`` sends them.

What the wire needs of it, and all it needs. An instance has, made at its join:

    own = holder(credential, kem, signing)          # its credential and private keys; replaced whole at renewal
    lineage = Lineage()                             # its right to them, which a forked child has not
    credentials = Credentials(authorities, trust_domain, tenant)
    ring = Ring(own, epochs)                        # the keys it opens with: its own, and its service's
    sealer = Sealer(own, lineage)
    opener = Opener(ring, credentials, lineage)
    events = EventOpener(credentials, lineage)

A message is sealed to a ``Recipient``: an instance's is ``credentials.learn(raw).recipient``, with the ``raw`` that its
hello carried, a service's is made from the epoch key that its callers are given. ``tlvs`` is the block between header
and ciphertext, in ascending order; ``content`` is u16 length and the metadata, then the body: what ``wire.message``
joins today.

    seal, per attempt   introduction(to)                      -> TLV 7 or nothing, to go into the block
                        seal_request(to, kind, subject, ttl, mid, tlvs, content)            -> payload
      on its reply      unseal_reply(payload, subject, to, mid) -> Unsealed; once read, introduced(to)
                        a SealFault: forgotten(to); the call failed as ``integrity_failed``; of reason ``refused``, as
                        ``unauthenticated`` with executed "maybe", as nobody vouches for a refusal
    open                unseal_request(payload, subject, reply) -> Unsealed, whose message, member and strict
                        a SealFault: answer ``refusal(mid)`` where there is a mid and a reply subject, and write the
                        reason into the audit stream. ``strict`` is what ``replay: strict`` asks for
      its reply         seal_reply(unsealed.member.recipient, kind, reply, mid, tlvs, content), with the own TLV 7
                        where the request had one
    events              seal_event(group, channel, mid, tlvs, content), once: what is sent again are the same bytes
                        open_event(payload, channel, group, stored) -> Opened(parts, member, strict)

``Unsealed.message`` is the message with its content in the clear, so that the forms of the wire can compare it with
one before; whoever reads it refuses another reply subject in TLV 9 of a request, another id in TLV 5 of a reply, as the
wire does. Where no form fits, ``open_request`` and ``open_reply`` do that themselves and return ``Opened``, with the
``parts`` that ``wire.envelope.parts`` returns. ``member`` says who sent it as ``wire.senders.Known`` does (``peer``,
``inbox``, ``operations``). ``subject``, ``reply`` and ``channel`` are the subjects as bytes. Times are unix
milliseconds by the wall clock, which these take as ``clock``.

    credentials.revoke(raw)                         the authority's signed list; ends sessions that run, too
    ring.renew(own, now); sealer.renew(own)         a renewed credential: the old key opens for an overlap
    ring.adopt(epochs), another ``Group``           new keys of the service, of a channel
"""
