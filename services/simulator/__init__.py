"""
Simulated providers on this machine: see docs/simulator.md.

Shares no code with the rest of Waypost, so that what it accepts and what it signs is a second
opinion on the providers' rules.
"""

from services.simulator.records import Account, App, Call, Received, User, code_hash
from services.simulator.simulator import Simulator
from services.simulator.webhooks.occasion import Envelope, Sent, Signed

__all__ = [
    "Account", "App", "Call", "Envelope", "Received", "Sent", "Signed", "Simulator", "User",
    "code_hash",
]  # fmt: skip
