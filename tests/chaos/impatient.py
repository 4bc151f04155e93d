"""A worker whose breakers never close, for a control; a process of its own."""

from __future__ import annotations

import sys

from shared import breakers
from workers.main import main

if __name__ == "__main__":
    breakers.FEWEST = sys.maxsize
    main()
