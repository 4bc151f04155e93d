"""compose.yaml is right by the Compose specification's schema, and keeps the promises of the design."""

from __future__ import annotations

import importlib.resources
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = ("ingress", "worker", "api", "keys")


def schema() -> dict[str, Any]:
    """The schema of github.com/compose-spec/compose-spec, as the package check-jsonschema carries it."""
    schemas = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    document: dict[str, Any] = json.loads((schemas / "compose-spec.json").read_text())
    return document


class TestTheSpecification:
    def test_the_file_is_right_by_the_schema(self) -> None:
        validator = jsonschema.validators.validator_for(schema())

        assert [] == [error.message for error in validator(schema()).iter_errors(COMPOSE)]

    def test_the_schema_would_refuse_a_misspelt_key(self) -> None:
        """A schema that lets everything pass would prove nothing."""
        validator = jsonschema.validators.validator_for(schema())
        misspelt = {"services": {"ingress": {"image": "x", "helthcheck": {}}}}

        assert not validator(schema()).is_valid(misspelt)

    def test_what_a_service_refers_to_is_declared(self) -> None:
        for service in SERVICES.values():
            networks, volumes = service.get("networks", []), service.get("volumes", [])

            assert set(networks) <= set(COMPOSE["networks"])
            assert {volume.partition(":")[0] for volume in volumes} <= set(COMPOSE["volumes"])
            assert set(service.get("depends_on", {})) <= set(SERVICES)


class TestThePromises:
    def test_the_store_writes_to_disk_before_it_answers(self) -> None:
        flags = SERVICES["valkey"]["command"]
        told = dict(zip(flags[1::2], flags[2::2], strict=True))

        assert ("yes", "always", "noeviction") == (
            told["--appendonly"], told["--appendfsync"], told["--maxmemory-policy"],
        )  # fmt: skip
        assert ["valkey:/data"] == SERVICES["valkey"]["volumes"]

    def test_the_store_has_a_bound_at_which_nothing_new_is_taken(self) -> None:
        flags = SERVICES["valkey"]["command"]
        told = dict(zip(flags[1::2], flags[2::2], strict=True))

        assert "${STORE_MEMORY:-2gb}" == told["--maxmemory"]

    @pytest.mark.parametrize("name", sorted(SERVICES))
    def test_nothing_runs_as_root(self, name: str) -> None:
        """Ours by the image's USER; no service may gain what it does not have."""
        users = re.findall(r"^USER (\d+)", DOCKERFILE, re.MULTILINE)
        user = SERVICES[name].get("user") or users[-1]

        assert user not in {"0", "root"}
        assert ["ALL"] == SERVICES[name]["cap_drop"]
        assert SERVICES[name]["read_only"] is True

    @pytest.mark.parametrize("name", ["ingress", "worker", "api", "valkey"])
    def test_what_runs_long_is_watched(self, name: str) -> None:
        assert "test" in SERVICES[name]["healthcheck"]

    def test_a_worker_is_well_while_it_beats(self) -> None:
        """Whatever the doctor finds: a dead letter must not take the workers down."""
        assert ["CMD", "waypost", "worker", "--check"] == SERVICES["worker"]["healthcheck"][
            "test"
        ]

    @pytest.mark.parametrize("name", OURS)
    def test_no_secret_lies_in_an_environment(self, name: str) -> None:
        """A secret is named as a file."""
        environment = SERVICES[name].get("environment", {})
        secret = [key for key in environment if re.search("TOKEN|SECRET|PASSWORD", key)]

        assert [] == [key for key in secret if not key.endswith("_FILE")]
        assert "ARG" not in DOCKERFILE

    def test_the_ingress_sees_the_public_key_only(self) -> None:
        assert ["public:/public:ro"] == SERVICES["ingress"]["volumes"]
        assert "WAYPOST_ADMIN_TOKEN_FILE" not in SERVICES["ingress"]["environment"]

    def test_workers_can_be_many(self) -> None:
        """`--scale worker=4` works: no name and no port that only one can have."""
        assert not {"container_name", "ports"} & set(SERVICES["worker"])

    def test_the_store_is_reached_by_our_processes_only(self) -> None:
        assert ["store"] == SERVICES["valkey"]["networks"]
        assert COMPOSE["networks"]["store"]["internal"] is True
        assert "ports" not in SERVICES["valkey"]

    def test_the_staff_port_is_not_public(self) -> None:
        assert all(port.startswith("127.0.0.1:") for port in SERVICES["api"]["ports"])


class TestTheImage:
    def test_it_installs_the_lock_with_hashes(self) -> None:
        assert "--require-hashes" in DOCKERFILE
        assert "requirements.lock" in DOCKERFILE

    def test_it_copies_all_that_the_wheel_is_built_from(self) -> None:
        copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)

        assert {"pyproject.toml", "README.md", "services", "workers", "shared"} <= set(
            " ".join(copied).split()
        )

    def test_it_is_watched(self) -> None:
        assert "HEALTHCHECK" in DOCKERFILE
