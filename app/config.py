"""Settings: every choice of a deployment, read once from the environment and then frozen.

This is the only module that reads ``os.environ``. Each variable appears in ``.env.example``, in the README and in
``docs/settings.md``, and a test holds the four together.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import quote, urlsplit

from app.secret_files import FEWEST_CHARACTERS, kept_secret
from app.translations.catalogue import languages_in, path_of, read

PROJECT_ROOT = Path(__file__).resolve().parent.parent
EMBEDDED_BASE_MODEL = PROJECT_ROOT / "models" / "base"
TYPEFACES = Path(sys.prefix) / "share" / "mellow"
"""The folder of the typefaces, beside the packages of which they are made: app/launch/typeface.py."""

_HOST = re.compile(r"[a-z0-9_.-]+|\[[a-f0-9:.]+\]", re.ASCII | re.IGNORECASE)

# A Unix socket address is at most 108 bytes on Linux and 104 on macOS.
_LONGEST_SOCKET_PATH = 100
_STORE_ADDRESS = re.compile(r"(s3|gs|az)://[a-z0-9][a-z0-9._-]+(/[\w.=+-]+)*/?", re.ASCII)
_QUEUE_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]{0,29}", re.ASCII)
_LONGEST_ISSUER = 255  # as the database stores it


class ConfigError(ValueError):
    """A setting cannot be used; the text is one sentence for the person who set it."""


@dataclass(frozen=True)
class Organisation:
    """The OpenID Connect provider with whose accounts people may sign in. Domains are in lower case."""

    issuer: str
    client_id: str
    client_secret: str
    name: str
    domains: tuple[str, ...]
    groups_claim: str
    admin_groups: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """All settings. Paths are absolute; an empty string means "not given".

    `store` is the folder of the versions, or of those that this machine keeps of the object store at `store_address`.
    """

    home: Path
    host: str
    port: int
    database_url: str
    redis_url: str
    queue_prefix: str
    embedded_queue: bool
    secret_key: str
    admin_email: str
    admin_password: str
    api_token: str
    store: Path
    store_address: str
    store_cache_bytes: int
    base_model: str
    chat_model: str
    chat_models_in_memory: int
    chat_server: str
    chat_server_key: str
    chat_server_model: str
    temperature: float
    top_p: float
    top_k: int
    max_text_length: int
    serving_compute_type: str
    serving_threads: int
    projects_in_memory: int
    training_processes: int
    worker_share: int
    trusted_proxies: int
    session_idle: timedelta
    session_lifetime: timedelta
    organisation: Organisation | None
    allowed_hosts: tuple[str, ...]
    metrics_token: str
    webhook_networks: tuple[IPv4Network | IPv6Network, ...]
    catalogues: Path | None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read settings from `environ` (default: the process environment).

        Creates `MELLOW_HOME` and, if none is given, a secret key that is stored there with mode 600. Raises ConfigError
        about the first variable that cannot be used.
        """
        env = _Reader(os.environ if environ is None else environ)
        home = Path(env.text("MELLOW_HOME", "instance")).expanduser().resolve()
        _make_private_directory(home)
        redis_url = env.text("REDIS_URL", "")
        _check_redis_url(redis_url)
        admin_email = env.text("ADMIN_EMAIL", "")
        admin_password = env.text("ADMIN_PASSWORD", "")
        if bool(admin_email) != bool(admin_password):
            raise ConfigError("ADMIN_EMAIL and ADMIN_PASSWORD belong together: set both or neither.")
        api_token = env.text("MELLOW_API_TOKEN", "")
        if api_token and not admin_email:
            raise ConfigError("MELLOW_API_TOKEN names no one: set ADMIN_EMAIL and ADMIN_PASSWORD with it.")
        chat_model, chat_server = _chat_model(env.text("CHAT_MODEL", "")), _chat_server(env)
        if chat_model and chat_server:
            raise ConfigError("CHAT_MODEL and CHAT_SERVER both name what writes answers: set one of them.")
        store = env.text("MELLOW_STORE", str(home / "versions"))
        address = store_address("MELLOW_STORE", store)
        metrics_token = env.text("METRICS_TOKEN", "")
        for name, token in (("MELLOW_API_TOKEN", api_token), ("METRICS_TOKEN", metrics_token)):
            if token and len(token) < 16:
                raise ConfigError(f"{name} is too short: use at least 16 characters.")
        return cls(
            home=home,
            host=env.text("HOST", "127.0.0.1"),
            port=env.integer("PORT", 8000, 1, 65535),
            database_url=_database_url(env.text("DATABASE_URL", ""), home),
            redis_url=redis_url or _embedded_url(home),
            queue_prefix=_queue_prefix(env),
            embedded_queue=not redis_url,
            secret_key=_secret_key(env.text("SECRET_KEY", ""), home / "secret-key"),
            admin_email=admin_email,
            admin_password=admin_password,
            api_token=api_token,
            store=home / "cache" / "versions" if address else Path(store).expanduser().resolve(),
            store_address=address,
            store_cache_bytes=env.integer("MELLOW_STORE_CACHE_GB", 20, 1, 100_000) * 1024**3,
            base_model=env.text("BASE_MODEL", str(EMBEDDED_BASE_MODEL)),
            chat_model=chat_model,
            chat_models_in_memory=env.integer("CHAT_MODELS_IN_MEMORY", 2, 1, 100),
            chat_server=chat_server,
            chat_server_key=env.text("CHAT_SERVER_KEY", ""),
            chat_server_model=env.text("CHAT_SERVER_MODEL", ""),
            temperature=env.decimal("SAMPLING_TEMPERATURE", 0.9, 0.01, 5.0),
            top_p=env.decimal("SAMPLING_TOP_P", 0.95, 0.01, 1.0),
            top_k=env.integer("SAMPLING_TOP_K", 0, 0, 1_000_000),
            max_text_length=env.integer("MAX_TEXT_LENGTH", 1000, 1, 20_000),
            serving_compute_type=env.choice(
                "SERVING_COMPUTE_TYPE", "int8", ("float32", "int8", "int8_float32", "bfloat16", "float16", "auto")
            ),
            serving_threads=env.integer("SERVING_THREADS", 0, 0, 256),
            projects_in_memory=env.integer("PROJECTS_IN_MEMORY", 3, 2, 1_000),
            training_processes=env.integer("TRAINING_PROCESSES", 0, 0, 64),
            worker_share=env.integer("WORKER_SHARE", 1, 1, 100),
            trusted_proxies=env.integer("TRUSTED_PROXIES", 0, 0, 10),
            session_idle=timedelta(hours=env.integer("SESSION_IDLE_HOURS", 24, 1, 8760)),
            session_lifetime=timedelta(days=env.integer("SESSION_MAX_DAYS", 30, 1, 365)),
            organisation=_organisation(env),
            allowed_hosts=tuple(map(_host, env.parts("ALLOWED_HOSTS"))),
            metrics_token=metrics_token,
            webhook_networks=tuple(map(_network, env.parts("WEBHOOK_NETWORKS"))),
            catalogues=_catalogues(env.text("CATALOGUES", "")),
        )

    @property
    def setup_token_path(self) -> Path:
        """Return the path of the one-time token of the setup page, which exists until there is an admin."""
        return self.home / "setup-token"

    @property
    def chat_socket(self) -> Path:
        """Return the Unix socket of the generation process of chat models."""
        return _socket(self.home / "chat.sock", self.home)

    @property
    def own_queue(self) -> bool:
        """Return whether the queue is the embedded one, which no other studio can use."""
        return self.redis_url == _embedded_url(self.home)


SETTING_NAMES = (
    "MELLOW_HOME",
    "HOST",
    "PORT",
    "DATABASE_URL",
    "REDIS_URL",
    "QUEUE_PREFIX",
    "SECRET_KEY",
    "ADMIN_EMAIL",
    "ADMIN_PASSWORD",
    "MELLOW_API_TOKEN",
    "MELLOW_STORE",
    "MELLOW_STORE_CACHE_GB",
    "BASE_MODEL",
    "CHAT_MODEL",
    "CHAT_MODELS_IN_MEMORY",
    "CHAT_SERVER",
    "CHAT_SERVER_KEY",
    "CHAT_SERVER_MODEL",
    "SAMPLING_TEMPERATURE",
    "SAMPLING_TOP_P",
    "SAMPLING_TOP_K",
    "MAX_TEXT_LENGTH",
    "SERVING_COMPUTE_TYPE",
    "SERVING_THREADS",
    "PROJECTS_IN_MEMORY",
    "TRAINING_PROCESSES",
    "WORKER_SHARE",
    "TRUSTED_PROXIES",
    "SESSION_IDLE_HOURS",
    "SESSION_MAX_DAYS",
    "OIDC_ISSUER",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "OIDC_DOMAINS",
    "OIDC_NAME",
    "OIDC_ADMIN_GROUPS",
    "OIDC_GROUPS_CLAIM",
    "ALLOWED_HOSTS",
    "METRICS_TOKEN",
    "WEBHOOK_NETWORKS",
    "CATALOGUES",
)


_OF_THE_MACHINE = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|TZ|TMPDIR|LD_LIBRARY_PATH|SSL_CERT_(FILE|DIR)|XDG_CACHE_HOME|HF_(HOME|HUB_OFFLINE)"
    r"|TOKENIZERS_PARALLELISM|(LC|CUDA|NVIDIA|NCCL|ROCR|HIP|OMP|MKL)_\w+|PYTHON\w+"
)


def machine_environ() -> dict[str, str]:
    """Return the variables of this process that are about the machine: no setting, and nobody's credentials."""
    return {name: value for name, value in os.environ.items() if _OF_THE_MACHINE.fullmatch(name)}


def studios_home() -> Path:
    """Return the folder in which a shared worker keeps what is a studio's, unless its file names another."""
    return Path(os.environ.get("MELLOW_HOME") or "instance") / "studios"


def _catalogues(named: str) -> Path | None:
    """Return the folder of further catalogues; raises ConfigError if there is none of that name, or one is broken."""
    if not named:
        return None
    folder = Path(named).expanduser().resolve()
    if not folder.is_dir():
        raise ConfigError(f"CATALOGUES names {folder}, which is no folder.")
    try:
        for language in languages_in(folder):
            read(path_of(language, folder))
    except ValueError as error:
        raise ConfigError(f"CATALOGUES: {error}") from None
    return folder


def _embedded_url(home: Path) -> str:
    return f"unix://{quote(str(embedded_socket(home)))}"


def embedded_socket(home: Path) -> Path:
    """Return the Unix socket of the embedded queue: under `home`, or in a private folder if that path is too long."""
    return _socket(home / "queue" / "valkey.sock", home)


def _socket(path: Path, home: Path) -> Path:
    """Return the path of a socket of a home, or one of the same name in a private folder if that path is too long."""
    if len(str(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"mellow-{os.getuid()}-{digest}" / path.name


def _chat_model(named: str) -> str:
    """Return the folder of the chat model, empty for none; raises ConfigError if it holds no model."""
    if not named:
        return ""
    folder = Path(named).expanduser().resolve()
    if not (folder / "config.json").is_file():
        raise ConfigError(f"CHAT_MODEL names {folder}, which is no folder of a model: it has no config.json.")
    return str(folder)


def _chat_server(env: _Reader) -> str:
    """Return the base address of a server of the OpenAI protocol, empty for none; raises ConfigError.

    The sentences quote neither address nor key.
    """
    base = env.text("CHAT_SERVER", "")
    if not base:
        return ""
    address = urlsplit(base)
    if address.scheme not in ("http", "https") or not address.hostname or "@" in address.netloc or address.query:
        raise ConfigError("CHAT_SERVER must be a base address such as https://api.example.org/v1, without credentials.")
    local = address.hostname in ("localhost", "127.0.0.1", "::1")
    if address.scheme == "http" and env.text("CHAT_SERVER_KEY", "") and not local:
        raise ConfigError("CHAT_SERVER must begin with https://, or CHAT_SERVER_KEY could be read on its way.")
    if not env.text("CHAT_SERVER_MODEL", ""):
        raise ConfigError("CHAT_SERVER needs CHAT_SERVER_MODEL, the name of the model to ask for.")
    return base.rstrip("/")


class _Reader:
    """Typed reading of variables; a bad value raises a ConfigError that names its variable."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str) -> str:
        if name not in SETTING_NAMES:
            raise KeyError(name)
        return self._environ.get(name, "").strip() or default

    def parts(self, name: str) -> list[str]:
        return [part.strip() for part in self.text(name, "").split(",") if part.strip()]

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        raw = self.text(name, str(default))
        try:
            value = int(raw)
        except ValueError:
            raise ConfigError(f"{name} must be a whole number, not {raw!r}.") from None
        if not low <= value <= high:
            raise ConfigError(f"{name} must be between {low} and {high}, not {value}.")
        return value

    def decimal(self, name: str, default: float, low: float, high: float) -> float:
        raw = self.text(name, str(default))
        try:
            value = float(raw)
        except ValueError:
            raise ConfigError(f"{name} must be a number, not {raw!r}.") from None
        if not low <= value <= high:
            raise ConfigError(f"{name} must be between {low} and {high}, not {value}.")
        return value

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        raw = self.text(name, default)
        if raw not in allowed:
            raise ConfigError(f"{name} must be one of {', '.join(allowed)}, not {raw!r}.")
        return raw


def _organisation(env: _Reader) -> Organisation | None:
    found = Organisation(
        issuer=env.text("OIDC_ISSUER", "").rstrip("/"),
        client_id=env.text("OIDC_CLIENT_ID", ""),
        client_secret=env.text("OIDC_CLIENT_SECRET", ""),
        name=env.text("OIDC_NAME", "your organisation"),
        domains=tuple(domain.lower().removeprefix("@") for domain in env.parts("OIDC_DOMAINS")),
        groups_claim=env.text("OIDC_GROUPS_CLAIM", "groups"),
        admin_groups=tuple(env.parts("OIDC_ADMIN_GROUPS")),
    )
    needed = (found.issuer, found.client_id, found.client_secret, found.domains)
    if not any(needed):
        return None
    if not all(needed):
        raise ConfigError(
            "OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_DOMAINS belong together: set all or none."
        )
    address = urlsplit(found.issuer)
    local = address.scheme == "http" and address.hostname in ("localhost", "127.0.0.1", "::1")
    if not address.hostname or not (address.scheme == "https" or local) or len(found.issuer) > _LONGEST_ISSUER:
        raise ConfigError(
            f"OIDC_ISSUER must be an address of at most {_LONGEST_ISSUER} characters that begins with https:// "
            "(http:// is for this machine alone)."
        )
    return found


def _database_url(url: str, home: Path) -> str:
    if not url:
        return f"sqlite:///{home / 'mellow.db'}"
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if scheme == "sqlite":
        path = rest.removeprefix("/").partition("?")[0]
        if path in ("", ":memory:"):
            raise ConfigError("DATABASE_URL must name a file: a database in memory would lose every click.")
        # Web, worker and migrations must use the same file, whatever folder each is started in.
        return f"sqlite:///{Path(path).resolve()}"
    raise ConfigError(f"DATABASE_URL must begin with sqlite:// or postgresql://, not {scheme!r}.")


def _check_redis_url(url: str) -> None:
    if url and urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise ConfigError("REDIS_URL must begin with redis://, rediss:// or unix://.")


def queue_prefix_of_environment() -> str:
    """Return QUEUE_PREFIX by itself, for a worker that needs nothing else; raises ConfigError."""
    return _queue_prefix(_Reader(os.environ))


def _queue_prefix(env: _Reader) -> str:
    prefix = env.text("QUEUE_PREFIX", "")
    if prefix and not _QUEUE_PREFIX.fullmatch(prefix):
        raise ConfigError("QUEUE_PREFIX must be at most 30 small letters, digits and hyphens, such as research.")
    return prefix


def store_address(name: str, store: str) -> str:
    """Return the address of an object store, or an empty text for a folder.

    Raises ConfigError about what is called `name`; the sentence quotes nothing, since it might be a key.
    """
    if "://" not in store:
        return ""
    if not _STORE_ADDRESS.fullmatch(store):
        raise ConfigError(
            f"{name} must be a folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix; "
            "credentials belong into the variables of the cloud's own tools."
        )
    return store.rstrip("/")


def _host(name: str) -> str:
    """Return a host of ALLOWED_HOSTS as `app.security` compares it: in lower case, an IPv6 address without brackets."""
    if not _HOST.fullmatch(name):
        raise ConfigError(f"ALLOWED_HOSTS must be names or addresses without scheme and port, not {name!r}.")
    return name.strip("[]").lower()


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ConfigError(f"WEBHOOK_NETWORKS must be networks such as 10.0.0.0/8, not {text!r}.") from None


def _make_private_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"MELLOW_HOME {path} cannot be created: {error.strerror}.") from None
    if not os.access(path, os.W_OK):
        raise ConfigError(f"MELLOW_HOME {path} cannot be written to.")


def _secret_key(given: str, path: Path) -> str:
    """Return the key that signs sessions: the one given, or that of the home."""
    if given:
        if len(given) < FEWEST_CHARACTERS:
            raise ConfigError(f"SECRET_KEY must have at least {FEWEST_CHARACTERS} characters.")
        return given
    try:
        secret = kept_secret(path)
    except OSError as error:
        raise ConfigError(f"The secret key cannot be kept in {path}: {error.strerror}.") from None
    if len(secret) < FEWEST_CHARACTERS:
        raise ConfigError(f"{path} is damaged: delete it to have a new secret key made (everyone signs in anew).")
    return secret
