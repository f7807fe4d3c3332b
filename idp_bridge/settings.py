"""Read the settings from the environment, one frozen section per outside system; never acts on them.

Variables are named `IDP_BRIDGE_<SECTION>__<NAME>`, for example `IDP_BRIDGE_DATABASE__URL`. All faults are
reported at once by `load()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

PREFIX = "IDP_BRIDGE_"


class SettingsFault(Exception):
    """The environment cannot be used; `faults` are sentences, one per variable."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Database(_Section):
    """The bridge's own SQL database."""

    url: str = "sqlite:///var/idp-bridge.db"
    """SQLAlchemy URL: `sqlite:///file` or `postgresql+psycopg://user:password@host/name`."""


class Realm(_Section):
    """One realm the bridge's pages sign people in through."""

    issuer: str
    client_id: str = "idp-bridge"
    client_secret: SecretStr


class Keycloak(_Section):
    """The Admin API of the server that holds realm `parents`."""

    url: str
    realm: str = "parents"
    client_id: str = "idp-bridge"
    client_secret: SecretStr
    timeout_s: float = Field(3.0, gt=0, le=5)
    """Longest wait for one answer; no page may block longer than 5 s."""


class Directory(_Section):
    """The district's LDAP, read for duties."""

    urls: tuple[str, ...]
    """`ldaps://host:port`, tried in this order."""
    base_dn: str
    bind_dn: str
    bind_password: SecretStr
    ca_file: str
    connect_timeout_s: int = Field(1, ge=1, le=4)
    receive_timeout_s: int = Field(2, ge=1, le=4)
    """Whole seconds: ldap3 hands them to the socket as an integer."""


RelationshipWord = Literal[
    "birth-or-adoptive-parent",
    "step-parent",
    "legal-guardian",
    "foster-parent",
    "caregiver",
    "caseworker",
    "surrogate",
]
EvidenceWord = Literal[
    "school-record",
    "birth-certificate",
    "marriage-certificate",
    "court-order",
    "placement-letter",
    "caregiver-affidavit",
    "agency-letter",
    "other-accepted",
]


class EvidenceRule(_Section):
    """What a district says of one relationship; a part that is left out stays as it is by default."""

    kinds: tuple[EvidenceWord, ...] | None = Field(None, min_length=1)
    second_person: tuple[EvidenceWord, ...] | None = None
    referral: bool | None = None
    end_date: bool | None = None

    @model_validator(mode="after")
    def _second_person_for_an_accepted_kind(self) -> Self:
        if self.kinds is not None and not set(self.second_person or ()) <= set(self.kinds):
            raise ValueError("second_person names a kind that kinds does not accept")
        return self


class District(_Section):
    """What the pages say about the district, and its own rules."""

    name: str
    email_domains: tuple[str, ...]
    help_phone: str
    help_hours: str = "Monday to Friday, 8 to 4"
    time_zone: str = "America/New_York"
    visit_days: int = Field(14, ge=1, le=90)
    withdrawal_grace_days: int = Field(30, ge=0, le=365)
    """Days a student may be missing from the roster before the links to them end."""
    undo_minutes: int = Field(15, ge=1, le=240)
    """How long who decided at the desk can take it back."""
    evidence_policy: dict[RelationshipWord, EvidenceRule] = Field(default_factory=dict)
    """Relationship -> what suffices and what more it needs, where the default is not the district's way."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{name!r} is no IANA time zone") from None
        return name


class Web(_Section):
    """The bridge's own pages."""

    url: str
    """Where browsers reach the bridge, without a slash at the end."""
    secret_key: SecretStr
    """Signs CSRF tokens, at least 32 characters."""
    code_key: SecretStr
    """Derives and hashes visit codes, at least 32 characters; changing it voids all open codes."""
    session_hours: int = Field(8, ge=1, le=72)
    behind_proxy: bool = False
    """True where one proxy of ours stands in front and sets X-Forwarded-For; else anybody could claim one."""

    @field_validator("secret_key", "code_key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) < 32:
            raise ValueError("needs at least 32 characters")
        return key


class Mail(_Section):
    """The server that takes our mails."""

    host: str = "localhost"
    port: int = Field(default=25, ge=1, le=65535)
    sender: str = "no-reply@localhost"
    starttls: bool = False
    user: str = ""
    password: SecretStr = SecretStr("")
    timeout_s: float = Field(default=5.0, gt=0, le=30)


class Worker(_Section):
    """The queue that wakes the worker."""

    queue_file: str = "var/queue.db"
    """SQLite file of Huey; its tables never share the bridge's database. One worker."""
    queue_url: str = ""
    """`postgresql://…` (a schema of its own) or `redis://…`: for workers on several machines."""
    threads: int = Field(default=4, ge=1, le=32)
    """How many parents are projected at once, each over a connection of its own."""
    status_port: int = Field(default=0, ge=0, le=65535)
    """Port on loopback on which the worker shows its metrics (Prometheus); 0 for none."""

    @field_validator("queue_url")
    @classmethod
    def _known_queue(cls, url: str) -> str:
        if url and not url.startswith(("postgresql://", "redis://", "rediss://")):
            raise ValueError("is no postgresql:// or redis:// address")
        return url


class Guessing(_Section):
    """How much is too much; `domain/limits.py` says why the same numbers, and in which time."""

    requests_per_account: int = Field(default=20, ge=1)
    requests_per_address: int = Field(default=100, ge=1)
    requests_per_number: int = Field(default=10, ge=1)
    accounts_per_number: int = Field(default=5, ge=2)
    wrong_codes: int = Field(default=20, ge=3)
    verifications_per_hour: int = Field(default=80, ge=1)
    verifications_per_day: int = Field(default=300, ge=1)
    sign_ins_per_address: int = Field(default=600, ge=10)
    posts_per_address: int = Field(default=1200, ge=10)


class _Environment(EnvSettingsSource):
    """The environment, in which a list or table that is no JSON is a fault like any other."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return the JSON in `value`, or the text as it is: validation then names it."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class Settings(BaseSettings):
    """Everything that differs from one installation to the next."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment and nothing else."""
        return (_Environment(settings_cls),)

    web: Web
    district: District
    database: Database = Database()
    parents_realm: Realm
    district_realm: Realm
    keycloak: Keycloak
    directory: Directory
    mail: Mail = Mail()
    worker: Worker = Worker()
    limits: Guessing = Guessing()
    apps: dict[str, str] = Field(default_factory=dict)
    """Relying app -> where it starts, e.g. `{"oneview": "https://oneview.district.example"}`."""


def load() -> Settings:
    """Return the settings; raise SettingsFault with every fault at once."""
    try:
        return Settings()  # type: ignore[call-arg]  # the environment fills it
    except ValidationError as fault:
        sentences = (line for error in fault.errors() for line in _sentences(error))
        raise SettingsFault(tuple(sentences)) from None


_WORDS = {
    "missing": "is not set",
    "tuple_type": 'needs a JSON list, for example ["one", "two"]',
    "dict_type": 'needs a JSON object, for example {"one": "two"}',
    "model_type": "is set as a whole; set its parts, each with its own variable",
}


def _sentences(error: Any) -> Iterator[str]:
    """Yield what is wrong, never with the value; a section that is not there is all it must hold."""
    place = "__".join(str(part) for part in error["loc"] if part != "[key]").upper()
    words = _WORDS.get(error["type"], error["msg"].removeprefix("Value error, "))
    section: Any = Settings.model_fields[error["loc"][0]].annotation
    if error["type"] == "missing" and len(error["loc"]) == 1 and issubclass(section, BaseModel):
        needed = (name for name, field in section.model_fields.items() if field.is_required())
        yield from (f"{PREFIX}{place}__{name.upper()}: {words}" for name in needed)
    else:
        yield f"{PREFIX}{place}: {words}"
