"""``python -m crossply_registry.authority.callout``: an authority without joins and renewals, which answers brokers."""

from __future__ import annotations

import sys

from crossply_registry.authority.__main__ import main

if __name__ == "__main__":
    sys.exit(main(callout=True))
