"""A worker whose leases never run out, for a control; a process of its own."""

from __future__ import annotations

from datetime import timedelta
from functools import partialmethod

from shared.storage.ledger import Ledger
from workers.main import main

if __name__ == "__main__":
    Ledger.claim = partialmethod(Ledger.claim, lease=timedelta(days=1))  # type: ignore[method-assign]
    main()
