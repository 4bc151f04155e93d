"""Caught secrets: each once, the newest, sealed, and those in use stay."""

from __future__ import annotations

import pytest

from shared.errors import NotFound
from shared.model.caught import Caught
from shared.secret import KeyRing, Secret
from shared.storage import handshakes
from shared.storage.connection import Store
from shared.storage.handshakes import Handshakes
from shared.storage.vault import Vault


@pytest.fixture
def held(store: Store) -> Handshakes:
    return Handshakes(store, Vault(store, KeyRing.generate()))


def caught(at: float = 1.0, **parts: str) -> Caught:
    return Caught(id="", at=at, source="global", name="TOKEN", **parts)


async def test_it_is_kept_sealed_and_shown_with_its_value(held: Handshakes, store: Store):
    id = await held.keep("notion", caught(), Secret(b"s3cret-token"))
    rows = await store.redis.hvals("waypost:{c0}:1:handshakes:notion")
    found, value = await held.value("notion", id)

    assert b"s3cret-token" not in b"".join(rows)
    assert ("TOKEN", b"s3cret-token") == (found.name, value.reveal())
    assert [] == await held.list("asana")
    with pytest.raises(NotFound):
        await held.value("asana", id)


async def test_the_same_secret_is_one_and_stays_accepted(held: Handshakes):
    id = await held.keep("notion", caught(1.0), Secret(b"a"))
    await held.accepted("notion", id)
    again = await held.keep("notion", caught(2.0), Secret(b"a"))
    other = await held.keep("notion", caught(3.0, installation="w1"), Secret(b"a"))

    assert id == again != other
    assert [(other, False), (id, True)] == [
        (one.id, one.accepted) for one in await held.list("notion")
    ]
    assert 2.0 == (await held.list("notion"))[1].at


async def test_a_flood_pushes_out_neither_what_is_in_use_nor_the_newest(
    held: Handshakes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(handshakes, "MOST", 3)
    used = await held.keep("notion", caught(0.0), Secret(b"used"))
    await held.accepted("notion", used)
    for number in range(1, 6):
        await held.keep("notion", caught(float(number)), Secret(b"%d" % number))

    assert [5.0, 4.0, 0.0] == [one.at for one in await held.list("notion")]
