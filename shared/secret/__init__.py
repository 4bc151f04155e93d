"""
Secrets in memory, and sealing at rest.

A `KeyRing` from a file seals data keys, a `DataKey` seals everything of one installation or integration; deleting
the data key shreds it. A `SealingKey` opens what the ingress sealed with the public half in `shared.sealing`.
"""

from shared.secret.datakey import DataKey, key_id_of
from shared.secret.keyring import KeyRing
from shared.secret.sealingkey import SealingKey
from shared.secret.value import Secret

__all__ = ["DataKey", "KeyRing", "SealingKey", "Secret", "key_id_of"]
