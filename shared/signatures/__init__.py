"""Who signed a request: one declarative grammar of signature schemes and its interpreter."""

from shared.signatures.checking import check
from shared.signatures.presets import SCHEMES, UNCHECKED
from shared.signatures.records import (
    Claims,
    Grammar,
    SecretPlace,
    Timestamp,
    ValuePlace,
    Verify,
)
from shared.signatures.tokens import Facts, UnknownKey
from shared.signatures.verifying import chosen, grammar_of, value_places, verify

__all__ = [
    "SCHEMES",
    "UNCHECKED",
    "Claims",
    "Facts",
    "Grammar",
    "SecretPlace",
    "Timestamp",
    "UnknownKey",
    "ValuePlace",
    "Verify",
    "check",
    "chosen",
    "grammar_of",
    "value_places",
    "verify",
]
