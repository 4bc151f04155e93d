"""What holds for one configuration type: the definition's own rule, or the type's where it has one."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.errors import NotFound
from shared.integrations.fields import Field, Filled, fields_of, fill
from shared.integrations.records import ConfigurationType, Definition
from shared.integrations.spelling import nearest
from shared.oauth import OAuthProvider
from shared.signatures import SecretPlace, Verify

DEFAULT = "default"  # the default configuration, where a name is needed


def type_of(definition: Definition, name: str | None) -> ConfigurationType:
    """The configuration type *name*, None for the default; `NotFound` names those there are."""
    if name is None:
        return definition.configuration or ConfigurationType()
    try:
        return definition.configurations[name]
    except KeyError:
        hint = nearest(name, definition.configurations)
        raise NotFound(
            f"{definition.name} has no configuration type {name!r}; {hint}"
        ) from None


def verify_of(definition: Definition, name: str | None) -> tuple[Verify, ...]:
    """How webhooks of such an installation are verified; the global webhook always uses `verify` itself."""
    return rules_in(type_of(definition, name).verify) or rules_in(definition.verify)


def rules_in(verify: Verify | tuple[Verify, ...] | None) -> tuple[Verify, ...]:
    """One rule, several or none, as a tuple."""
    if verify is None:
        return ()
    return verify if isinstance(verify, tuple) else (verify,)


def schemes_in(verify: Verify | tuple[Verify, ...] | None) -> str:
    """The names of the schemes, for people; `none` where nothing is said."""
    return ", ".join(dict.fromkeys(rule.scheme for rule in rules_in(verify))) or "none"


def provider_of(definition: Definition, name: str | None) -> OAuthProvider | None:
    """The provider as this type sees it; None where the type knows no OAuth."""
    own = type_of(definition, name).oauth
    if own is False:
        return None
    if not isinstance(own, dict):
        return definition.oauth
    return msgspec.convert(laid_over(definition, own), OAuthProvider)


def laid_over(definition: Definition, own: dict[str, Any]) -> dict[str, Any]:
    """The definition's `oauth` as a document; each section that *own* names replaces its whole section."""
    base = msgspec.to_builtins(definition.oauth) if definition.oauth else {}
    return {**base, **own}


def link_script_of(definition: Definition, name: str | None) -> str | None:
    """The script that makes the link of a connect flow, where there is one."""
    override = definition.link_overrides.get(name or DEFAULT)
    if override:
        return override
    identifier = type_of(definition, name).identifier
    return identifier.link_template_script if identifier else None


def can_connect(definition: Definition, name: str | None) -> bool:
    """Whether an installation of this type has a connect link."""
    return bool(link_script_of(definition, name) or provider_of(definition, name))


def token_place_of(definition: Definition, name: str | None) -> SecretPlace | None:
    """Where a token lies that a person typed in."""
    return type_of(definition, name).token


def configuration_fields(definition: Definition, name: str | None) -> tuple[Field, ...]:
    """The fields that an installation of this type is asked for."""
    return fields_of(type_of(definition, name).schema)


def filled(definition: Definition, name: str | None, values: dict[str, Any]) -> Filled:
    """Fit *values* to the type's fields, secret ones apart; raises `Misspelt` with field and fix."""
    return fill(type_of(definition, name).schema, values)


def public_secrets(definition: Definition) -> frozenset[str]:
    """Names of the global secrets that links and pages may show."""
    return frozenset(name for name, rule in definition.secrets.items() if rule.public)
