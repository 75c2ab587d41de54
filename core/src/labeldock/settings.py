"""The operator's settings: read once at start, frozen, passed to whoever needs them.

Every field is read from `LABELDOCK_<NAME>`; names that operators of similar systems
have set already are read too, and the prefixed one wins. A file `labeldock.env` in the
home folder holds settings that should outlive the shell; the environment wins over it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from labeldock.contract.errors import ConfigurationError
from labeldock.team_settings import TeamSettings
from labeldock.watch_settings import WatchSettings

PREFIX: Final = "LABELDOCK_"
SETTINGS_FILE: Final = "labeldock.env"
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.\-\[\]:]+")
_ISSUER: Final = re.compile(r"https://.|http://(localhost|127\.0\.0\.1|\[::1\])[:/]")


def _also(*names: str) -> AliasChoices:
    """The prefixed name, then the names that other systems gave the same setting."""
    prefixed = PREFIX + names[0]
    return AliasChoices(prefixed, *names, *(f"LABEL_STUDIO_{n}" for n in names))


class Settings(TeamSettings, WatchSettings):
    """All settings of one process. Durations are seconds, sizes are bytes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default=Path("labeldock-data"),
        description="Folder for the embedded database, keys and persistent files.",
    )
    database_url: str = Field(
        default="",
        repr=False,
        description="PostgreSQL URL; empty for SQLite in the home folder.",
    )
    broker_url: str = Field(
        default="",
        repr=False,
        description="Redis URL; empty to run the work inside the web process.",
    )
    secret_key: SecretStr = Field(
        default=SecretStr(""),
        description="Master keys, newest first, separated by commas. Needed with "
        "PostgreSQL; beside SQLite one is made in the home folder.",
    )
    public_url: str = Field(
        default="",
        validation_alias=AliasChoices("LABELDOCK_PUBLIC_URL", "LABEL_STUDIO_HOST"),
        description="Address under which browsers reach the service; empty for "
        "relative links.",
    )
    persistent_storage: SecretStr = Field(
        default=SecretStr(""),
        description="Where uploads, archives and restored media are kept: a JSON "
        "object with `type`, `prefix` and a provider's fields; empty for a folder in "
        "the home folder.",
    )
    restore_max_bytes: int = Field(
        default=2**40, ge=1, description="Most bytes that an archive may unpack to."
    )
    restore_max_entries: int = Field(
        default=2_000_000, ge=1, description="Most entries that an archive may have."
    )
    restore_max_ratio: int = Field(
        default=250, ge=1, description="How well an entry above 16 MiB may be packed."
    )
    backup_keep_hours: float = Field(
        default=24.0,
        gt=0,
        description="How long the archive of a backup can be downloaded.",
    )
    upload_max_bytes: int = Field(
        default=250 * 1024 * 1024,
        ge=1,
        description="Largest file that can be uploaded to make a task of.",
    )
    providers_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Only these providers are loaded; empty for all."
    )
    providers_block: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="These providers and plug-ins are never loaded."
    )
    strict_plugins: bool = Field(
        default=False, description="Refuse to start when a plug-in cannot be loaded."
    )
    egress_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts (`minio.internal`), suffixes (`.lab.example`) and networks "
        "(`10.20.0.0/16`) that settings may name though they are not public.",
    )
    egress_private: bool | None = Field(
        default=None,
        description="Whether settings may name hosts of private networks and this "
        "machine; unset: only while there is no broker.",
    )

    request_max_bytes: int = Field(
        default=10 * 1024 * 1024,
        ge=64 * 1024,
        le=1024**3,
        description="Largest body of a request; it is held in memory.",
    )
    request_max_depth: int = Field(
        default=500,
        ge=10,
        le=1000,
        description="Deepest nesting of lists and objects in a request.",
    )
    rate_limit: float = Field(
        default=0.0,
        ge=0,
        description="Requests per second that each token, or user without one, may "
        "send; 0: no limit. Media is not counted. With a broker, all web processes "
        "count together.",
    )
    rate_limit_burst: float = Field(
        default=0.0,
        ge=0,
        description="How many of them may come at once; 0: ten seconds' worth.",
    )
    rate_limit_strangers: float | None = Field(
        default=None,
        ge=0,
        description="Requests per second that one address may send without valid "
        "credentials; unset: 50 when there is a broker, else no limit.",
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""),
        description="Whoever brings it as a bearer may read `/metrics`; empty for "
        "administrators alone.",
    )
    audit_keep_days: float = Field(
        default=365.0,
        ge=0,
        description="How long entries of the audit log are kept, in days; 0: for ever.",
    )
    audit_media: bool = Field(
        default=False,
        description="Write into the audit log, too, who was served which media.",
    )
    token_max_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Longest time that a new token may last, in days; 0: as long as "
        "whoever makes it says, also for ever.",
    )
    openid_issuer: str = Field(
        default="",
        description="Address of an OpenID provider that people log in with; empty for "
        "none. It has to be https, except on this machine.",
    )
    openid_client_id: str = Field(
        default="", description="Name under which the provider knows this service."
    )
    openid_client_secret: SecretStr = Field(
        default=SecretStr(""), description="Its secret; empty for a public client."
    )
    openid_name: str = Field(
        default="OpenID", description="What the button of the login page calls it."
    )
    openid_scopes: str = Field(
        default="openid email profile", description="What the provider is asked for."
    )
    openid_domains: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Only e-mail addresses of these domains come in; empty for all.",
    )
    openid_create_users: bool = Field(
        default=False, description="Whether who has no account yet is given one."
    )
    openid_link_users: bool = Field(
        default=True,
        description="Whether an existing account with the same confirmed address is "
        "theirs.",
    )
    openid_organization: int | None = Field(
        default=None, description="Organisation of new accounts; by default the oldest."
    )
    openid_role: Literal["member", "guest"] = Field(
        default="member", description="Role of new accounts in it."
    )
    worker_threads: int = Field(
        default=2, ge=1, le=64, description="Threads of a worker that do slices."
    )
    poll_interval: float = Field(
        default=1.0, gt=0, description="How often a worker looks for due work."
    )
    storage_in_progress_timer: float = Field(
        default=10.0,
        gt=0,
        validation_alias=_also("STORAGE_IN_PROGRESS_TIMER"),
        description="Interval of heartbeats; a lease lasts six of them.",
    )
    stall_limit: float = Field(
        default=300.0,
        gt=0,
        description="Without progress for this long a run's heartbeat stops.",
    )
    max_attempts: int = Field(
        default=5, ge=1, description="Attempts of a run before it fails."
    )
    slice_seconds: float = Field(
        default=30.0, gt=0, description="Longest time a worker stays with one run."
    )
    slice_pages: int = Field(
        default=200, ge=1, description="Most pages in one slice of a run."
    )
    page_size: int = Field(
        default=1000, ge=1, le=10_000, description="Objects per page of a listing."
    )
    listing_max_objects: int = Field(
        default=100_000_000,
        ge=1,
        description="A run that has listed more objects ends: the listing has no end.",
    )
    partitioning: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether several workers share the import of one bucket; `auto`: "
        "task files, when there is a broker.",
    )
    part_size: int = Field(
        default=1000,
        ge=1,
        le=10_000,
        description="Most new objects in what one worker takes of a shared import.",
    )
    read_threads: int = Field(
        default=8, ge=1, le=64, description="Parallel reads of task files in a run."
    )
    read_ahead_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1,
        description="Most bytes of task files that a run reads at a time; a larger "
        "file is read alone.",
    )
    task_file_max_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1,
        description="Largest task file: as it lies there, unpacked, and its tasks as "
        "JSON.",
    )
    task_file_max_rows: int = Field(
        default=100_000, ge=1, description="Most tasks in one file."
    )
    task_file_max_depth: int = Field(
        default=100,
        ge=2,
        le=200,
        description="Deepest nesting of lists and objects in a task.",
    )
    task_file_max_ratio: int = Field(
        default=200,
        ge=1,
        description="How many times its size a compressed task file may come to, "
        "beyond the first MiB.",
    )
    task_max_length: int = Field(
        default=16 * 1024 * 1024,
        ge=1,
        description="Most characters of one task as JSON.",
    )
    sync_on_target_storage_creation: bool = Field(
        default=True,
        validation_alias=_also("SYNC_ON_TARGET_STORAGE_CREATION"),
        description="A new export storage receives what exists already.",
    )
    sync_wait: float = Field(
        default=0.0,
        ge=0,
        description="How long the sync route waits for the end of the run when the "
        "request does not say; 0: it answers at once.",
    )
    sync_wait_limit: float = Field(
        default=50.0,
        ge=0,
        le=3600,
        description="Longest time that a request may wait for the end of a run.",
    )
    event_delay: float = Field(
        default=1.0,
        ge=0,
        le=3600,
        description="How long a bucket's notification waits for others, so that they "
        "share a run.",
    )
    events_max_bytes: int = Field(
        default=1024 * 1024,
        ge=1024,
        le=10 * 1024 * 1024,
        description="Largest body of a bucket's notification.",
    )
    webhook_timeout: float = Field(
        default=10.0, gt=0, le=60, description="Longest time that a webhook may take."
    )
    webhook_threads: int = Field(
        default=4, ge=1, le=64, description="Webhooks that a worker sends at a time."
    )
    webhook_batch_size: int = Field(
        default=1000,
        ge=1,
        le=10_000,
        validation_alias=_also("WEBHOOK_BATCH_SIZE"),
        description="Most tasks that one webhook message tells of.",
    )
    run_keep_days: float = Field(
        default=365.0,
        ge=0,
        description="How long runs and their errors are kept, in days; 0: for ever. "
        "The last run of a storage always is.",
    )
    webhook_keep_days: float = Field(
        default=14.0, gt=0, description="How long the messages of webhooks are kept."
    )
    future_save_task_to_storage: bool = Field(
        default=False,
        validation_alias=_also("FUTURE_SAVE_TASK_TO_STORAGE"),
        description="Export a task with all its annotations, not single annotations.",
    )
    future_save_task_to_storage_json_ext: bool = Field(
        default=True,
        validation_alias=_also("FUTURE_SAVE_TASK_TO_STORAGE_JSON_EXT"),
        description="Keys of exported tasks end in `.json`.",
    )
    resolver_proxy_buffer_size: int = Field(
        default=64 * 1024,
        ge=1024,
        validation_alias=_also("RESOLVER_PROXY_BUFFER_SIZE"),
        description="Most bytes that one send of a media stream carries.",
    )
    resolver_proxy_timeout: float = Field(
        default=10.0,
        gt=0,
        validation_alias=_also("RESOLVER_PROXY_TIMEOUT"),
        description="Longest time that a media stream may take.",
    )
    resolver_proxy_max_range_size: int = Field(
        default=7 * 1024 * 1024,
        ge=1,
        validation_alias=_also("RESOLVER_PROXY_MAX_RANGE_SIZE"),
        description="Longest answer to a range request.",
    )
    resolver_proxy_cache_timeout: int = Field(
        default=3600,
        ge=0,
        validation_alias=_also("RESOLVER_PROXY_CACHE_TIMEOUT"),
        description="How long browsers may keep streamed media.",
    )
    media_streams: int = Field(
        default=64, ge=1, description="Media streams at a time in one web process."
    )
    media_task_references: bool = Field(
        default=True,
        description="A task gives only those objects that its data refers to.",
    )
    media_project_references: bool = Field(
        default=False,
        description="A project gives only those objects that one of its tasks refers "
        "to; finding out takes time in large projects.",
    )
    media_thumbnail_pixels: int = Field(
        default=64_000_000,
        ge=1,
        description="Largest picture, in pixels, that a thumbnail is made of.",
    )
    media_thumbnail_cache: int = Field(
        default=256 * 1024 * 1024,
        ge=0,
        description="Room for thumbnails in the home folder; 0 to keep none.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins of consoles on other hosts, e.g. "
        "`https://labels.example.org`, whose pages may use the API and its media.",
    )

    @field_validator("openid_issuer")
    @classmethod
    def _check_issuer(cls, value: str) -> str:
        if value and not _ISSUER.match(value):
            raise ValueError("has to begin with https://")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        origins = tuple(origin.rstrip("/").lower() for origin in value)
        if not all(map(_ORIGIN.fullmatch, origins)):
            raise ValueError("each has to be an origin, such as https://host.example")
        return origins

    @field_validator(
        "providers_allow",
        "providers_block",
        "egress_allow",
        "cors_origins",
        "openid_domains",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:  # text from the environment, else a sequence
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the settings file."""
        del settings_cls, file_secret_settings
        return init_settings, env_settings, dotenv_settings

    @property
    def is_embedded(self) -> bool:
        """Whether the work runs inside the web process, without a broker."""
        return not self.broker_url

    @property
    def permits_private_egress(self) -> bool:
        """Whether endpoints may be in private networks without being listed."""
        if self.egress_private is None:
            return self.is_embedded
        return self.egress_private

    @property
    def effective_database_url(self) -> str:
        """The database's URL: the one set, or SQLite in the home folder."""
        return self.database_url or f"sqlite:///{self.home / 'labeldock.sqlite3'}"

    @property
    def lease_seconds(self) -> float:
        """How long a run may go without a heartbeat."""
        return 6 * self.storage_in_progress_timer


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process.

    Args:
        overrides: fields that count for more than the environment.

    Raises:
        ConfigurationError: a value is of the wrong type or out of range; the text
            names the variable and not the value.
    """
    try:
        home = Settings(**overrides).home
        return Settings(_env_file=home / SETTINGS_FILE, **overrides)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        name = name if name.isupper() else PREFIX + name.upper()
        raise ConfigurationError(
            f"{name}: {first['msg']}", field=name, remedy=f"Correct {name} or unset it."
        ) from None


def read_environment(settings: Settings) -> Mapping[str, str]:
    """What providers' operator settings are read from; the environment wins."""
    stored = dotenv_values(settings.home / SETTINGS_FILE)
    return {k: v for k, v in stored.items() if v is not None} | dict(os.environ)
