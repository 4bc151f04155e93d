"""`waypost demo`: the whole system, four simulated providers, two bots, and proof that everything arrived."""

from services.cli.demo.run import run

__all__ = ["run"]
