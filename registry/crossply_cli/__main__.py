"""python -m crossply_cli is the command crossply."""

from __future__ import annotations

from crossply_cli.entry import main

if __name__ == "__main__":
    main()
