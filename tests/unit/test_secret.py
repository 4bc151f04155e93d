"""Secrets in memory and sealing at rest."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import SealBroken, SetupFailed
from shared.sealing import PublicKey
from shared.secret import DataKey, KeyRing, SealingKey, Secret, key_id_of

CANARY = b"canary-7f3a"
WHERE = "waypost:{c0}:1:installation:w1#accessToken"


def a_ring_file(folder: Path, document: object, mode: int = 0o600) -> Path:
    path = folder / "keys.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    path.chmod(mode)
    return path


def key_of(byte: bytes, size: int = 32) -> str:
    return base64.b64encode(byte * size).decode()


class TestASecret:
    def test_does_not_print(self) -> None:
        secret = Secret(CANARY)

        for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}", "%s" % secret):  # noqa: UP031
            assert "canary" not in shown

    def test_is_not_serialised(self) -> None:
        with pytest.raises(TypeError):
            pickle.dumps(Secret(CANARY))
        with pytest.raises(TypeError):
            copy.copy(Secret(CANARY))
        with pytest.raises(TypeError):
            msgspec.json.encode(Secret(CANARY))

    def test_compares_by_value(self) -> None:
        assert Secret(CANARY) == Secret(CANARY)
        assert Secret(CANARY) != Secret(b"")
        assert Secret(CANARY) != CANARY

    def test_is_false_when_empty(self) -> None:
        assert Secret(b"x")
        assert not Secret(b"")

    def test_reveals_itself_on_purpose(self) -> None:
        assert CANARY == Secret(CANARY).reveal()


class TestADataKey:
    def test_opens_what_it_sealed(self) -> None:
        key = DataKey.generate()

        for plaintext in (b"", CANARY, bytes(range(256)) * 100):
            assert Secret(plaintext) == key.open(WHERE, key.seal(WHERE, plaintext))

    def test_seals_in_the_documented_form(self) -> None:
        """Opened here by the cryptography package alone."""
        key = DataKey("d1", Secret(b"k" * 32))

        version, id, nonce, text = key.seal(WHERE, CANARY).decode().split(".")

        raw = [
            base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (nonce, text)
        ]
        assert ("v1", "d1", 12) == (version, id, len(raw[0]))
        aad = f"v1\nd1\n{WHERE}".encode()
        assert CANARY == AESGCM(b"k" * 32).decrypt(raw[0], raw[1], aad)

    def test_never_seals_twice_alike(self) -> None:
        key = DataKey.generate()

        assert 1000 == len({key.seal(WHERE, CANARY) for _ in range(1000)})

    def test_opens_nothing_that_was_moved(self) -> None:
        key = DataKey.generate()
        sealed = key.seal(WHERE, CANARY)

        with pytest.raises(SealBroken, match="altered, moved"):
            key.open(WHERE.replace("accessToken", "refreshToken"), sealed)

    def test_opens_nothing_whose_key_id_was_changed(self) -> None:
        """The id is part of the additional data."""
        first, second = DataKey("d1", Secret(b"k" * 32)), DataKey("d2", Secret(b"k" * 32))

        with pytest.raises(SealBroken):
            second.open(WHERE, first.seal(WHERE, CANARY).replace(b"v1.d1.", b"v1.d2."))

    @pytest.mark.parametrize("place", range(-40, 0))
    def test_opens_nothing_that_was_altered(self, place: int) -> None:
        key = DataKey("d1", Secret(b"k" * 32))
        sealed = bytearray(key.seal(WHERE, CANARY))
        sealed[place] ^= 4

        with pytest.raises(SealBroken):
            key.open(WHERE, bytes(sealed))

    @pytest.mark.parametrize(
        "sealed",
        [b"", b"v1", b"v1.d1..", b"v2.d1.AAAA.AAAA", b"v1.d1.AAAAAAAAAAAAAAAA.", b"v1.d1.%.%", b"v1.\xff.A.A",
         b"v1.d1.AAAA.AAAA.AAAA", b"v1..AAAA.AAAA", b"v1.d1.A.A", "v1.d1.é.é".encode()],
    )  # fmt: skip
    def test_opens_no_nonsense(self, sealed: bytes) -> None:
        with pytest.raises(SealBroken):
            DataKey.generate().open(WHERE, sealed)

    @pytest.mark.parametrize(
        ("id", "key"), [("d1", b""), ("d1", b"k" * 16), ("", b"k" * 32), ("a.b", b"k" * 32)]
    )
    def test_must_have_the_right_form(self, id: str, key: bytes) -> None:
        with pytest.raises(ValueError) as error:
            DataKey(id, Secret(key))
        assert "kkk" not in str(error.value)


class TestAKeyRing:
    def test_survives_its_file(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.json"
        ring = KeyRing.generate()
        ring.save(path)

        sealed = ring.seal(WHERE, CANARY)

        assert 0o600 == path.stat().st_mode & 0o777
        assert [path] == list(tmp_path.iterdir())
        assert Secret(CANARY) == KeyRing.from_file(path).open(WHERE, sealed)

    def test_reads_the_documented_form(self, tmp_path: Path) -> None:
        document = {"primary": "k7", "keys": {"k6": key_of(b"a"), "k7": key_of(b"b")}}

        ring = KeyRing.from_file(a_ring_file(tmp_path, document))

        assert ("k7", ("k6", "k7")) == (ring.primary, ring.ids)
        assert "k7" == key_id_of(WHERE, ring.seal(WHERE, CANARY))

    def test_rotates(self) -> None:
        old = KeyRing.generate("k1")
        wrapped = old.wrap("datakey:w1", key := DataKey.generate())

        new = old.rotated("k2")

        assert key.key == new.unwrap("datakey:w1", wrapped).key
        assert not new.is_current("datakey:w1", wrapped)
        assert new.is_current("datakey:w1", again := new.wrap("datakey:w1", key))
        last = new.without("k1")
        assert key.key == last.unwrap("datakey:w1", again).key
        with pytest.raises(SealBroken, match="k1, which the key ring does not hold"):
            last.unwrap("datakey:w1", wrapped)

    def test_keeps_its_primary_key(self) -> None:
        with pytest.raises(ValueError):
            KeyRing.generate("k1").without("k1")
        with pytest.raises(ValueError):
            KeyRing.generate("k1").rotated("k1")

    def test_unwraps_a_data_key_only_in_its_place(self) -> None:
        ring = KeyRing.generate()
        wrapped = ring.wrap("datakey:w1", DataKey.generate())

        with pytest.raises(SealBroken):
            ring.unwrap("datakey:w2", wrapped)
        with pytest.raises(SealBroken):
            ring.unwrap("datakey:w1", ring.seal("datakey:w1", CANARY))

    def test_does_not_print_its_keys(self) -> None:
        document = json.dumps(
            [repr(KeyRing.generate("k1")), repr(DataKey("d1", Secret(b"k" * 32)))]
        )

        assert '["KeyRing(primary=k1, ids=k1)", "DataKey(d1)"]' == document


class TestAKeyFile:
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622, 0o644, 0o666])
    def test_open_to_others_is_refused_with_the_fix(self, tmp_path: Path, mode: int) -> None:
        path = a_ring_file(tmp_path, {"primary": "k", "keys": {"k": key_of(b"a")}}, mode)

        with pytest.raises(SetupFailed) as failed:
            KeyRing.from_file(path)
        assert f"chmod 600 {path}" == failed.value.fix

    @pytest.mark.parametrize(
        "document",
        [b"", b" \n", b"{", b"[]", b"\xff\xfe", b"canary-canary-canary",
         {"primary": "k"}, {"primary": "k", "keys": {}}, {"primary": "k", "keys": {"k": ""}},
         {"primary": "k", "keys": {"k": key_of(b"canary-7", 1)}}, {"primary": "k", "keys": {"k": "canary!"}},
         {"primary": "k", "keys": {"k": key_of(b"a", 33)}}, {"primary": "x", "keys": {"k": key_of(b"a")}},
         {"primary": "a.b", "keys": {"a.b": key_of(b"a")}}, {"primary": "k", "keys": {"k": 7}},
         {"primary": "k", "keys": {"k": key_of(b"a"), "old": key_of(b"b", 8)}},
         {"primary": "k", "keys": {"k": key_of(b"a")}, "canary": 1}],
    )  # fmt: skip
    def test_that_is_empty_short_or_no_ring_is_refused_and_not_printed(
        self, tmp_path: Path, document: object
    ) -> None:
        with pytest.raises(SetupFailed) as failed:
            KeyRing.from_file(a_ring_file(tmp_path, document))

        assert str(tmp_path) in str(failed.value)
        assert failed.value.fix
        for leak in ("canary", "Y2FuYXJ5", key_of(b"b", 8)):
            assert leak not in str(failed.value)

    def test_that_is_missing_is_named(self, tmp_path: Path) -> None:
        for read in (KeyRing.from_file, SealingKey.from_file, PublicKey.from_file):
            with pytest.raises(SetupFailed, match="waypost keys new"):
                read(tmp_path / "absent")

    def test_that_is_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SetupFailed, match="cannot be read"):
            KeyRing.from_file(tmp_path)


class TestTheSealingPair:
    def test_opens_what_the_public_half_sealed(self) -> None:
        key = SealingKey.generate()
        public = PublicKey.from_bytes(key.public.to_bytes())

        for plaintext in (b"", CANARY, b"x" * 100_000):
            assert plaintext == key.open(public.seal(plaintext, b"req_1"), b"req_1")

    def test_survives_its_files(self, tmp_path: Path) -> None:
        key = SealingKey.generate()
        key.save(tmp_path / "sealing.key")
        (tmp_path / "sealing.pub").write_bytes(key.public.to_document())

        sealed = PublicKey.from_file(tmp_path / "sealing.pub").seal(CANARY, b"i")

        assert 0o600 == (tmp_path / "sealing.key").stat().st_mode & 0o777
        assert CANARY == SealingKey.from_file(tmp_path / "sealing.key").open(sealed, b"i")

    def test_opens_nothing_else(self) -> None:
        key = SealingKey.generate()
        sealed = key.public.seal(CANARY, b"req_1")

        for wrong, info in [
            (sealed, b"req_2"),
            (sealed[:-1], b"req_1"),
            (b"", b"req_1"),
            (b"x" * 80, b"req_1"),
        ]:
            with pytest.raises(SealBroken):
                key.open(wrong, info)
        with pytest.raises(SealBroken):
            SealingKey.generate().open(sealed, b"req_1")

    def test_refuses_a_private_key_that_others_can_read(self, tmp_path: Path) -> None:
        path = tmp_path / "sealing.key"
        SealingKey.generate().save(path)
        path.chmod(0o644)

        with pytest.raises(SetupFailed, match="chmod 600"):
            SealingKey.from_file(path)

    @pytest.mark.parametrize("document", [b"", b"canary!", base64.b64encode(b"canary")])
    def test_refuses_a_file_that_is_no_key(self, tmp_path: Path, document: bytes) -> None:
        path = tmp_path / "sealing.pub"
        path.write_bytes(document)

        with pytest.raises(SetupFailed) as failed:
            PublicKey.from_file(path)
        assert "canary" not in str(failed.value)
        assert base64.b64encode(b"canary").decode() not in str(failed.value)

    def test_does_not_print(self) -> None:
        assert "SealingKey(…)" == repr(SealingKey.generate())
