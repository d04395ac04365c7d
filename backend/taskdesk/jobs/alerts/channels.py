"""The channels that messages go to. They stand in ALERTS_FILE alone, because they have secrets.

A channel is read-only and knows no job. templates.py writes its messages, sending.py sends them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, model_validator

from taskdesk.service.outbound import fault_of_url
from taskdesk.service.settings import Port

NAME = r"^[0-9A-Za-z_-]{1,64}$"  # of a channel, and of a rule
IS_NAME = re.compile(NAME)
MAX_ADDRESSES = 50  # that one mail goes to
PORTS = {"starttls": 587, "tls": 465, "none": 25}
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]{1,64}@[0-9A-Za-z._-]{1,255}", re.ASCII)


def _check_url(value: SecretStr) -> SecretStr:
    """Refuse what can be no address. No sentence shows the address: it is a secret."""
    if fault := fault_of_url(value.get_secret_value()):
        raise ValueError(f"it can't be used: {fault.rstrip('.')}")
    return value


def _check_address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("it has to be a mail address such as ops@example.org, without a name")
    return value


def _one_line(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()):  # login of SMTP and headers of HTTP take no other characters
        raise ValueError("it has to be one line of ASCII characters")
    return value


SecretUrl = Annotated[SecretStr, AfterValidator(_check_url)]
SecretLine = Annotated[SecretStr, AfterValidator(_one_line)]
Address = Annotated[str, AfterValidator(_check_address)]
Topic = Annotated[SecretStr, AfterValidator(_one_line), Field(min_length=1, max_length=64)]


class _Channel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Mail(_Channel):
    """A mail server (SMTP). If `security` is "none", the connection is not encrypted, and a login is refused."""

    kind: Literal["mail"]
    host: Annotated[str, Field(pattern=r"^[0-9A-Za-z.:_-]{1,255}$")]
    port: Port | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: SecretLine = SecretStr("")
    password: SecretLine = SecretStr("")
    sender: Address
    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=MAX_ADDRESSES)]

    @model_validator(mode="after")
    def _does_not_show_its_password(self) -> Mail:
        if self.password.get_secret_value() and self.security == "none":
            raise ValueError('security: a password needs encryption: set it to "starttls" or "tls"')
        if bool(self.password.get_secret_value()) != bool(self.username.get_secret_value()):
            raise ValueError("username and password have to be both there, or both missing")
        return self

    @property
    def server_port(self) -> int:
        return self.port or PORTS[self.security]


class Webhook(_Channel):
    """JSON by POST to your own program."""

    kind: Literal["webhook"]
    url: SecretUrl


class Slack(_Channel):
    """Slack's incoming webhook."""

    kind: Literal["slack"]
    url: SecretUrl


class Teams(_Channel):
    """A workflow of Teams that begins with "When a Teams webhook request is received"."""

    kind: Literal["teams"]
    url: SecretUrl


class Ntfy(_Channel):
    """A topic of ntfy.sh, or of an ntfy server of your own. The topic is a secret: who knows it, can read it."""

    kind: Literal["ntfy"]
    url: SecretUrl = SecretStr("https://ntfy.sh")
    topic: Topic
    token: SecretLine = SecretStr("")


Channel = Annotated[Mail | Webhook | Slack | Teams | Ntfy, Field(discriminator="kind")]
SECRET_FIELDS = frozenset(
    name
    for kind in (Mail, Webhook, Slack, Teams, Ntfy)
    for name, field in kind.model_fields.items()
    if field.annotation is SecretStr
)
CHANNEL: TypeAdapter[Any] = TypeAdapter(Channel, config=ConfigDict(hide_input_in_errors=True))
