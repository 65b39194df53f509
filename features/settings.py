"""Settings of one deployment, read once from the environment (prefix RECOMMENDER_) or a `.env` file."""

from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from recommender.errors import InvalidInput


class Settings(BaseSettings):
    """Where things are and how the service behaves. Every field is an environment variable of the same name.

    REDIS_URL and DATABASE_URL are also read without the prefix, as hosting platforms set them.
    """

    model_config = SettingsConfigDict(env_prefix="RECOMMENDER_", env_file=".env", extra="ignore", populate_by_name=True)

    data_dir: Path = Field(default=Path("data"), description="Folder of the event log, artifacts and embedded stores.")
    redis_url: str | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="Redis >= 7.0 or Valkey (redis+cluster://: any node of a cluster); unset: the embedded Valkey.",
    )
    database_url: str | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="SQLAlchemy URL of PostgreSQL; unset: SQLite in the data folder.",
    )
    config_dir: Path | None = Field(
        default=None,
        description="Folder of your own copies of files of recommender/config/; what it lacks is as it ships.",
    )
    host: str = Field(default="127.0.0.1", description="Address that `serve` listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port that `serve` listens on; 0: any free one.")
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s?#]+(/[^\s?#]*[^/\s?#])?$",
        description="Where shoppers reach the service, as `https://choices.shop.example`: links to the preference "
        "centre begin with it; unset: `http://` with host and port.",
    )
    workers: int = Field(default=1, ge=1, le=64, description="Worker processes of `serve`.")
    redis_deadline_ms: int = Field(
        default=20, ge=1, le=1000, description="How long a recommendation waits for live state before it goes without."
    )
    allow_lossy_redis: bool = Field(
        default=False,
        description="Start on a Redis that evicts or has no append-only file, at the risk of lost events.",
    )
    drain: bool = Field(
        default=True, description="Whether `serve` also drains; false where `recommender drain --follow` does."
    )
    stream_max_bytes: int = Field(
        default=512 * 1024 * 1024,
        ge=1_000_000,
        description="Bytes of events that may wait to be drained before more are refused with 503.",
    )
    trace_sample: float = Field(
        default=0.01, ge=0, le=1, description="Share of decisions whose trace is kept without being asked for."
    )
    trusted_proxies: str | None = Field(
        default=None,
        description="Addresses and networks of the proxies in front, separated by commas: what they say in "
        "X-Forwarded-For and X-Forwarded-Proto holds. Unset: nobody is believed.",
    )
    key_per_minute: int = Field(
        default=60_000, ge=1, description="Requests a minute with one publishable key, where the key names no limit."
    )
    subject_per_minute: int = Field(
        default=300, ge=1, description="Requests a minute with a publishable key and the user token of one user."
    )
    address_per_minute: int = Field(
        default=1_200, ge=1, description="Requests a minute with publishable keys from one address (IPv6: one /64)."
    )
    request_seconds: float = Field(
        default=30.0, gt=0, le=3_600, description="How long a request may take before it is answered with 503."
    )
    slow_request_ms: float = Field(
        default=250.0, gt=0, description="From when on a request is slow: it gets a line of log, with its stages."
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="How the processes of `serve` log: a JSON object a line, or text for people."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least of what is logged."
    )
    queue_target_ms: int = Field(
        default=50,
        ge=5,
        le=5_000,
        description="How long requests may wait for a worker before it refuses some, the least pressing first.",
    )
    bulk_at_once: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Calls for mails, batches of events and imports that a worker works on at a time.",
    )
    max_body_bytes: int = Field(default=1_000_000, ge=1_000, description="Largest request body.")
    secret: str | None = Field(
        default=None,
        repr=False,
        min_length=32,
        description="Makes the hashes of contacts and the signing secrets of user tokens; the same on every host, and "
        "forever. Unset: made once, kept in the data folder.",
    )
    shop_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s?#]+(/[^\s?#]*)?$",
        description="The shop's own start page, as `https://shop.example/`: where links of mails lead that lead "
        "nowhere else; unset: to a plain page.",
    )
    link_hosts: str | None = Field(
        default=None,
        description="Hosts, beside that of the shop, that links of mails may lead to: `shop.example,outlet.example`.",
    )
    mail_days: int = Field(
        default=120, ge=7, le=1_000, description="Days for which blocks of mails are kept, and their links lead on."
    )
    outgoing_hosts: str | None = Field(
        default=None,
        description="Hosts that may be called over http, on any port and in private networks, beside https on the "
        "public internet: `crm.internal,hub.internal:8080`.",
    )

    @property
    def linked_hosts(self) -> frozenset[str]:
        """Names of hosts that links of mails may lead to."""
        named = {one.strip().lower() for one in (self.link_hosts or "").split(",") if one.strip()}
        return frozenset(named | ({urlsplit(self.shop_url).hostname or ""} if self.shop_url else set()))

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Hosts, or `host:port`, of `outgoing_hosts`."""
        return frozenset(one.strip().lower() for one in (self.outgoing_hosts or "").split(",") if one.strip())

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str | None) -> str | None:
        for one in (part.strip() for part in (text or "").split(",") if part.strip()):
            ip_network(one)  # raises ValueError, which names the part
        return text

    @property
    def events_dir(self) -> Path:
        """The event log: received=YYYY-MM-DD/*.parquet."""
        return self.data_dir / "events"

    @property
    def dead_letters_dir(self) -> Path:
        """Rejected events by day, as JSONL."""
        return self.data_dir / "dead-letters"

    @property
    def artifacts_dir(self) -> Path:
        """One folder per artifact, and the pointer `current`."""
        return self.data_dir / "artifacts"

    @property
    def facts_dir(self) -> Path:
        """Dated facts as Parquet: prices.parquet, assortment.parquet, displays.parquet."""
        return self.data_dir / "facts"

    @property
    def reachable_url(self) -> str:
        """Where shoppers reach the service, without a slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def sql_url(self) -> str:
        """SQLAlchemy URL of the transactional database."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir / 'recommender.sqlite'}"
        return self.database_url.replace("postgres://", "postgresql+psycopg://", 1).replace(
            "postgresql://", "postgresql+psycopg://", 1
        )


def read_settings() -> Settings:
    """Read the environment and `.env`.

    Raises:
        InvalidInput: a variable does not fit; the error names the variable, the value's fault and where to look.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        variable = f"RECOMMENDER_{name.upper()}" if name in Settings.model_fields else name.upper()
        message = f"{first['msg']}, got {first['input']!r}"
        raise InvalidInput(
            message, field=variable, remedy="docs/settings.md lists every variable and its range."
        ) from None
