"""Who signed a request: one declarative grammar of signature schemes and its interpreter."""

from shared.signatures.checking import check
from shared.signatures.presets import SCHEMES
from shared.signatures.records import Grammar, SecretPlace, Timestamp, Verify
from shared.signatures.verifying import verify

__all__ = ["SCHEMES", "Grammar", "SecretPlace", "Timestamp", "Verify", "check", "verify"]
