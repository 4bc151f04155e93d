"""An ingress that never sees how full its store is, for a control; a process of its own."""

from __future__ import annotations

from services.ingress import main, pressure

if __name__ == "__main__":
    pressure.FULL = float("inf")
    main.main()
