"""The integrations that come with Waypost, as they lie in their folders."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from shared.errors import DefinitionInvalid, NotFound, ScriptInvalid
from shared.integrations import configurations
from shared.integrations.definition import Definition, compile_scripts, decode, door_of, stored
from shared.integrations.registry import (
    built_in,
    folders,
    from_folders,
    handlers_of,
    redirected,
)
from shared.vrl.pool import VrlPool
from tests.integrations.definition_builders import a_document

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "enable-oauth"
ALL = {definition.name: definition for definition in (*built_in(), *from_folders([EXAMPLE]))}
FOUR = ("github", "linear", "notion", "slack")


def written(folder: Path, **files: str) -> Path:
    """*folder* with files; `__` in a name stands for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


MINIMAL = 'name = "acme"\nversion = "1.0.0"\nverify = "none"\n'


class TestBuiltIn:
    """Slack, GitHub, Linear, Notion, and the guide's Acme."""

    def test_the_four_of_the_demo_are_there(self) -> None:
        """Each folder of the catalogue under its own name."""
        assert {*FOUR} <= {definition.name for definition in built_in()}

    @pytest.mark.parametrize("name", ALL)
    async def test_all_scripts_compile(self, name: str, vrl: VrlPool) -> None:
        """With the engine that runs them."""
        await compile_scripts(ALL[name], vrl)

    @pytest.mark.parametrize("name", FOUR)
    @pytest.mark.parametrize("kind", [None, "manual", "ownApp"])
    def test_each_connects_by_click_by_hand_and_with_an_own_app(
        self, name: str, kind: str | None
    ) -> None:
        """By hand means no link; the other two have one."""
        assert (kind != "manual") == configurations.can_connect(ALL[name], kind)

    @pytest.mark.parametrize("name", FOUR)
    @pytest.mark.parametrize("kind", ["manual", "ownApp"])
    def test_an_own_webhook_is_verified_with_an_own_secret(self, name: str, kind: str) -> None:
        """The global secret does not open an installation's own door."""
        verify = configurations.verify_of(ALL[name], kind)

        assert ["configuration"] == [place.from_ for rule in verify for place in rule.places]

    @pytest.mark.parametrize("name", FOUR)
    def test_a_token_by_hand_is_sealed(self, name: str) -> None:
        """Tokens and signing secrets are secret fields."""
        definition = ALL[name]
        place = configurations.token_place_of(definition, "manual")
        secret = {
            field.name
            for field in configurations.configuration_fields(definition, "manual")
            if field.secret
        }

        assert place is not None
        assert place.name in secret

    @pytest.mark.parametrize("name", FOUR)
    def test_only_the_global_app_binds_an_identifier(self, name: str) -> None:
        """Two applications in one workspace must not take each other's events."""
        definition = ALL[name]
        binding = [kind for kind, rule in definition.configurations.items() if rule.binds]

        assert configurations.type_of(definition, None).binds
        assert ["manual"] == binding

    @pytest.mark.parametrize("name", FOUR)
    def test_the_folder_tells_the_operator_what_to_click(self, name: str) -> None:
        """Both addresses, and every secret that must be set."""
        text = (folders()[name] / "README.md").read_text()
        required = [secret for secret, rule in ALL[name].secrets.items() if not rule.optional]

        assert "https://YOUR-ORIGIN/oauth" in text
        assert f"https://YOUR-ORIGIN/integration/global/{name}" in text
        for secret in required:
            assert f"waypost secrets set {name} {secret}" in text

    @pytest.mark.parametrize("name", FOUR)
    def test_webhooks_are_acknowledged_at_once(self, name: str) -> None:
        """Only a handshake waits for the worker."""
        assert "ack" == door_of(ALL[name]).reply

    def test_an_unknown_type_is_told_from_the_known_ones(self) -> None:
        """With the nearest name."""
        with pytest.raises(NotFound, match="did you mean manual"):
            configurations.type_of(ALL["slack"], "manaul")


class TestRedirected:
    """A simulator serves the very same definitions."""

    def test_each_provider_address_leads_to_the_base(self) -> None:
        """Integration, host, path and query stay readable in the address."""
        github = redirected(ALL["github"], "http://127.0.0.1:9/")

        assert github.oauth is not None
        assert github.oauth.identity.verify is not None
        assert (
            "http://127.0.0.1:9/github/api.github.com/user/installations?per_page=100"
            == github.oauth.identity.verify.url
        )

    @pytest.mark.parametrize("name", FOUR)
    def test_nothing_leads_to_the_provider_any_more(self, name: str) -> None:
        """In no configuration type either."""
        moved = redirected(ALL[name], "http://127.0.0.1:9")
        for kind in (None, *moved.configurations):
            provider = configurations.provider_of(moved, kind)
            text = msgspec.json.encode(provider).decode()

            assert '"url":"https:' not in text

    @pytest.mark.parametrize("name", FOUR)
    def test_it_is_a_definition_that_a_simulator_may_have(self, name: str) -> None:
        """Redirecting twice changes nothing."""
        moved = redirected(ALL[name], "http://127.0.0.1:9")

        assert moved == redirected(moved, "http://127.0.0.1:9")
        assert moved == decode(msgspec.json.decode(stored(moved)), allow_loopback=True)


class TestFolders:
    """What an author's folder may hold, and how it is refused."""

    def test_a_script_is_named_by_its_file(self, tmp_path: Path) -> None:
        """And read into the definition."""
        document = MINIMAL + 'event = "kind.vrl"\n'
        [definition] = from_folders(
            [written(tmp_path, definition__toml=document, kind__vrl='"a"')]
        )

        assert '"a"' == definition.event

    def test_handlers_make_it_python(self, tmp_path: Path) -> None:
        """The runtime follows from the folder."""
        folder = written(
            tmp_path,
            definition__toml=MINIMAL,
            handlers__py="async def webhook(ctx, request): ...",
        )
        [definition] = from_folders([folder])

        assert "python" == definition.runtime
        assert callable(handlers_of("acme", folder).webhook)

    def test_a_folder_of_folders_brings_all_of_them(self, tmp_path: Path) -> None:
        """In the order of their names."""
        written(tmp_path / "b", definition__toml=MINIMAL)
        written(tmp_path / "a", definition__toml=MINIMAL.replace("acme", "other"))

        assert ["other", "acme"] == [definition.name for definition in from_folders([tmp_path])]

    def test_an_operator_s_folder_goes_before_a_built_in_one(self, tmp_path: Path) -> None:
        """So that a provider's facts can be changed without a fork."""
        own = written(tmp_path, definition__toml=MINIMAL.replace("acme", "slack"))

        assert own == folders([own])["slack"]

    @pytest.mark.parametrize(
        ("files", "sentence"),
        [
            ({"definition__toml": "name = \nversion = 1"}, "definition.toml: line 1: "),
            (
                {"definition__toml": MINIMAL + 'event = "kind.vrl"', "kin__vrl": ""},
                "event: there is no readable file 'kind.vrl' (did you mean kin.vrl?)",
            ),
            (
                {"definition__toml": MINIMAL + 'event = "../kind.vrl"'},
                "event: must name a file of this folder",
            ),
            (
                {"definition__toml": MINIMAL + "event = 3"},
                "event: must name a file of this folder",
            ),
            (
                {"definition__toml": MINIMAL + 'runtime = "python"'},
                "runtime: python needs handlers.py (add handlers.py)",
            ),
            (
                {"definition__toml": MINIMAL + 'titel = "x"'},
                "definition.toml: titel: is not a field here (did you mean title?)",
            ),
            ({"other__toml": ""}, "definition.toml: is not there"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_fix(
        self, tmp_path: Path, files: dict[str, str], sentence: str
    ) -> None:
        """File, field, fix; never a traceback."""
        with pytest.raises(DefinitionInvalid) as refused:
            from_folders([written(tmp_path, **files)])

        assert str(tmp_path) in str(refused.value)
        assert sentence in str(refused.value)

    def test_two_folders_with_one_name_are_refused(self, tmp_path: Path) -> None:
        """The message names the other folder."""
        one, two = (written(tmp_path / part, definition__toml=MINIMAL) for part in "ab")

        with pytest.raises(DefinitionInvalid, match=r"'acme' is defined in .*/a already"):
            from_folders([one, two])

    @pytest.mark.parametrize(
        ("code", "sentence"),
        [
            ("async def webhook(:", "handlers.py: line 1: SyntaxError"),
            (
                "import no_such_module",
                "handlers.py: line 1: ModuleNotFoundError: No module named",
            ),
            ("x = 1\ny = x / 0", "handlers.py: line 2: ZeroDivisionError: division by zero"),
            (
                "async def webhok(ctx, request): ...",
                "webhook: is missing (write async def webhook(ctx, request))",
            ),
        ],
    )
    def test_code_that_cannot_be_loaded_is_named_with_its_line(
        self, tmp_path: Path, code: str, sentence: str
    ) -> None:
        """The author reads where, not our traceback."""
        folder = written(tmp_path, definition__toml=MINIMAL, handlers__py=code)

        with pytest.raises(DefinitionInvalid) as refused:
            handlers_of("acme", folder)

        assert sentence in str(refused.value)


class TestScripts:
    """A script that does not compile is refused at registration."""

    async def test_the_error_names_the_script_and_the_line(self, vrl: VrlPool) -> None:
        """By its place in the definition."""
        definition: Definition = decode(
            a_document(identifier__extractScript="a = 1\nb = nope(")
        )

        with pytest.raises(ScriptInvalid) as refused:
            await compile_scripts(definition, vrl)

        assert "acme identifier.extractScript" == refused.value.script
        assert 2 == refused.value.line

    async def test_a_call_that_reaches_outside_is_refused(self, vrl: VrlPool) -> None:
        """The source guard reads every script of a definition."""
        script = 'http_request!("https://acme.example")'
        definition = decode(
            a_document(configurations__manual__identifier={"linkTemplateScript": script})
        )

        with pytest.raises(ScriptInvalid, match="http_request"):
            await compile_scripts(definition, vrl)
