"""What browsers see of connecting: the link's page, the way to the provider, and where a flow stands."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlsplit

from shared.errors import Conflict, FlowRefused, NotFound, Permanent
from shared.integrations.configurations import link_script_of, provider_of
from shared.model.flows import FLOW_LIFETIME, OAUTH_STATE_LIFETIME, ConnectLink, Flow
from shared.model.outcomes import Done, Outcome
from shared.model.requests import RawRequest, Reply, SealedPart
from shared.oauth import authorize_url, challenge_of, checked_inputs, new_verifier, unfit_inputs
from shared.routing import SHAREABLE
from workers.clients import client_id, shown_secrets, template_values
from workers.installed import Installed, installed
from workers.jobs import sealed
from workers.jobs.pages.render import failure, page, progress, see_other
from workers.jobs.pages.words import speak_to

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from shared.model.jobs import Claim
    from workers.tools import Tools


_NOTHING: Mapping[str, str] = {}


async def connect(claim: Claim, tools: Tools) -> Outcome:
    """Answer one request of a browser."""
    raw, part = opened(claim.body, tools)
    try:
        reply = await _answer(raw, part, tools)
    except FlowRefused as refused:
        again = part.path if raw.path == "/connect" else ""
        page_of = failure(refused.cause, refused.detail, again=again)
        return Done(reason=refused.cause, reply=page_of)
    except (Permanent, NotFound) as error:
        return Done(
            reason=f"misconfigured: {error}", reply=failure("misconfigured", str(error))
        )
    return Done(reason="page shown", reply=reply)


def opened(body: bytes, tools: Tools) -> tuple[RawRequest, SealedPart]:
    """A stored browser request, with what the ingress sealed; its reader is spoken to in their language."""
    raw, part = sealed.opened(body, tools)
    speak_to(part.headers)
    return raw, part


async def _answer(raw: RawRequest, part: SealedPart, tools: Tools) -> Reply:
    if raw.path == "/oauth/interstitial":
        return await _interstitial(raw.cookie_hash, part.query, tools)
    if raw.path.startswith("/connect/flows/"):
        flow = await _own_flow(raw, raw.path.rpartition("/")[2], tools)
        if raw.method == "POST":
            return await _picked(flow, part, tools)
        return await _flow_page(flow, tools)
    link, owner = await _of_link(raw, tools)
    if raw.method != "POST":
        return _connect_page(link, owner)
    given = _typed_in(part)
    if wrong := unfit_inputs(owner.definition.inputs, given):
        return _connect_page(link, owner, given, wrong)
    return see_other(await _begin(raw, part, (link, owner), tools))


async def _interstitial(cookie_hash: str, query: str, tools: Tools) -> Reply:
    """
    Botpress's result page, which integrations redirect to; what it says is theirs and is escaped.

    A browser in which a flow has just ended so is shown that flow's own result, with the way on.
    """
    given = dict(parse_qsl(query))
    success = given.get("success") == "true"
    flow = await tools.flows.ended_in(cookie_hash) if cookie_hash else None
    if flow is not None and flow.status == ("connected" if success else "failed"):
        return await _flow_page(flow, tools)
    return page("interstitial", success=success, message=given.get("errorMessage", "")[:500])


async def _of_link(raw: RawRequest, tools: Tools) -> tuple[ConnectLink, Installed]:
    link = await tools.flows.link(raw.name)
    if link is None:
        raise FlowRefused("unknown_link")
    if link.used:
        raise FlowRefused("link_used")
    if link.expires_at <= tools.clock.now():
        raise FlowRefused("link_expired")
    return link, await installed(tools, link.installation)


def _connect_page(
    link: ConnectLink,
    owner: Installed,
    given: Mapping[str, str] = _NOTHING,
    wrong: Collection[str] = (),
) -> Reply:
    """The page of a link; once more where something that was typed in is *wrong*, with what was *given* left there."""
    definition, home = owner.definition, owner.installation
    provider = provider_of(definition, home.configuration_type)
    return page(
        "connect",
        422 if wrong else 200,
        title=definition.title or definition.name,
        host=urlsplit(provider.authorize.url).hostname if provider else "",
        bot=home.bot_id,
        alias=home.alias,
        account=(home.account.name or home.account.id) if home.account else "",
        ended=home.status_reason if home.connection == "needs_reauth" and home.account else "",
        scopes=provider.authorize.scopes.default if provider else (),
        inputs=definition.inputs,
        given=given,
        wrong=wrong,
        expires=datetime.fromtimestamp(link.expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


async def _begin(
    raw: RawRequest, part: SealedPart, of: tuple[ConnectLink, Installed], tools: Tools
) -> str:
    """Open a flow for this browser and say where it goes now."""
    link, owner = of
    now = tools.clock.now()
    verifier = new_verifier(tools.chance.token(32))
    token = base64.urlsafe_b64encode(tools.chance.token(32)).rstrip(b"=").decode()
    flow = Flow(
        id=link.flow_id,
        link=raw.name,
        installation=link.installation,
        integration=owner.definition.name,
        cookie_hash=raw.new_cookie_hash,
        status="authorizing",
        oauth_state=state_hash(token),
        redirect_uri=f"{owner.definition.public_url or tools.origin}/oauth",
        inputs=checked_inputs(owner.definition.inputs, _typed_in(part)),
        verifier=await tools.vault.seal(
            owner.scope, verifier_place(link.flow_id), verifier.encode()
        ),
        token=await tools.vault.seal(owner.scope, token_place(link.flow_id), _token_in(part)),
        return_to=link.return_to,
        confirm=link.confirm,
        created_at=now,
        expires_at=now + FLOW_LIFETIME,
    )
    location = await _location(flow, owner, token, verifier, tools)
    try:
        await tools.flows.begin_flow(flow)
    except Conflict:
        raise FlowRefused("link_used") from None
    await tools.flows.put_oauth_state(flow.oauth_state, flow.id, OAUTH_STATE_LIFETIME)
    return location


def state_hash(token: str) -> str:
    """What an OAuth state is stored under."""
    return hashlib.sha256(token.encode()).hexdigest()


def verifier_place(flow_id: str) -> str:
    """Where a flow's PKCE verifier is sealed for."""
    return f"flow:{flow_id}#verifier"


def token_place(flow_id: str) -> str:
    """Where the token of a flow's link is sealed for."""
    return f"flow:{flow_id}#token"


def _token_in(part: SealedPart) -> bytes:
    return part.path.rpartition("/")[2].encode()


def _typed_in(part: SealedPart) -> dict[str, str]:
    form = parse_qs(part.body.decode("utf-8", "replace"))
    return {name: values[0] for name, values in form.items()}


async def _location(
    flow: Flow, owner: Installed, token: str, verifier: str, tools: Tools
) -> str:
    kind = owner.installation.configuration_type
    if script := link_script_of(owner.definition, kind):
        return await _from_script(script, owner, token, tools)
    provider = provider_of(owner.definition, kind)
    if provider is None:
        raise FlowRefused("misconfigured", f"{owner.definition.name} has no OAuth section")
    return authorize_url(
        provider,
        client_id=await client_id(provider, owner, tools),
        redirect_uri=flow.redirect_uri,
        oauth_state=token,
        challenge=challenge_of(verifier) if provider.authorize.pkce != "off" else "",
        scopes=None,
        inputs={**await template_values(owner, tools), **flow.inputs},
    )


async def _from_script(script: str, owner: Installed, token: str, tools: Tools) -> str:
    """
    A link script sees no secret but public ones, and the one-time state in the place of the webhookId.

    Integrations on servers of their own get the webhookId itself: they look for it in what comes back.
    """
    event = {
        "webhookId": owner.installation.webhook_id if owner.definition.url else token,
        "oauthState": token,
        "webhookUrl": owner.definition.public_url or tools.origin,
        "env": "production",
        "secrets": await shown_secrets(owner, tools),
    }
    if owner.definition.sandbox:
        event |= await _shareable(owner, tools)
    name = f"{owner.definition.name} linkTemplateScript"
    value = await tools.scripts.run(name, script, event)
    if not isinstance(value, str) or urlsplit(value).scheme not in {"http", "https"}:
        raise FlowRefused("misconfigured", f"{name} did not return an address")
    return value


async def _shareable(owner: Installed, tools: Tools) -> dict[str, str]:
    """The text with which people join by way of a shared account, where there is one."""
    known = await tools.subscriptions.ids(owner.installation)
    texts = [id.removeprefix(SHAREABLE) for id in known if id.startswith(SHAREABLE)]
    return {"shareableId": texts[0]} if texts else {}


async def _own_flow(raw: RawRequest, flow_id: str, tools: Tools) -> Flow:
    """The flow, for the browser that began it."""
    flow = await tools.flows.flow(flow_id)
    if flow is None:
        raise FlowRefused("flow_expired")
    if not flow.is_of(raw.cookie_hash):
        raise FlowRefused("other_browser")
    return flow


async def _picked(flow: Flow, part: SealedPart, tools: Tools) -> Reply:
    """Note which account was picked, and show where the flow stands; too late or unknown changes nothing."""
    given = parse_qs(part.body.decode("utf-8", "replace")).get("choice", [""])[0]
    if given in {option.id for option in flow.options}:
        with suppress(Conflict, NotFound):
            await tools.flows.update_flow(
                flow.id, expect={"choosing"}, status="exchanging", choice=given
            )
    return see_other(f"/connect/flows/{flow.id}")


async def _flow_page(flow: Flow, tools: Tools) -> Reply:
    match flow.status:
        case "connected":
            return await _success(flow, tools)
        case "failed":
            return await _failed(flow, flow.cause, tools)
        case "void":
            return await _failed(flow, "flow_expired", tools)
        case _ if flow.expires_at <= tools.clock.now():
            return await _failed(flow, "flow_expired", tools)
        case "choosing":
            return await _choose(flow, tools)
        case _:
            return progress(flow)


async def _failed(flow: Flow, cause: str, tools: Tools) -> Reply:
    scope = f"installation:{flow.installation}"
    token = await tools.vault.open(scope, token_place(flow.id), flow.token)
    again = f"/connect/{token.reveal().decode()}"
    return failure(cause, flow.detail, facts=flow.facts, again=again, reference=flow.id)


async def _choose(flow: Flow, tools: Tools) -> Reply:
    owner = await installed(tools, flow.installation)
    title = owner.definition.title or owner.definition.name
    return page("choose", flow=flow, title=title, bot=owner.installation.bot_id)


async def _success(flow: Flow, tools: Tools) -> Reply:
    owner = await installed(tools, flow.installation)
    title = owner.definition.title or owner.definition.name
    return page("success", flow=flow, title=title, bot=owner.installation.bot_id)
