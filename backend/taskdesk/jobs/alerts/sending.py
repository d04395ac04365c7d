"""Send one message to one channel. No error shows an address or a password of the file."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from ipaddress import ip_network
from typing import Any

from taskdesk.jobs.alerts.channels import Mail
from taskdesk.jobs.alerts.message import Message, clean
from taskdesk.jobs.alerts.templates import mail_for, post_for
from taskdesk.service.outbound import NotSent, addresses_of, connect, post

MAIL_TIMEOUT_SECONDS = 10.0  # for DNS and the connection, and for each answer of the mail server
MAIL_SECONDS = 30.0  # for a mail, from DNS to its end: after the lease (outbox.py) another process would send it, too
_PASSING = (408, 409, 425, 429)  # of 4xx
ANYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))  # the file is written by those who run the desk


class NotDelivered(Exception):
    """The channel did not take the message. The text is a sentence that says why. `is_final`: do not try again."""

    def __init__(self, sentence: str, *, is_final: bool = False):
        super().__init__(sentence)
        self.is_final = is_final


def send(channel: Any, message: Message, address: str) -> str:
    """Send the message, and return a sentence about what the other side answered. `address`: where the desk is found.

    It blocks for MAIL_SECONDS at most. Raises NotDelivered.
    """
    if isinstance(channel, Mail):
        return _send_mail(channel, mail_for(channel, message, address))
    request = post_for(channel, message, address)
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Taskdesk", **request.headers}
    try:
        answer = post(request.url, request.body, headers, allowed=ANYWHERE)
    except NotSent as error:
        raise NotDelivered(str(error)) from None
    if not 200 <= answer.status < 300:
        is_final = 400 <= answer.status < 500 and answer.status not in _PASSING
        raise NotDelivered(f"It answered {answer.status}. {clean(answer.excerpt, 200)}".strip(), is_final=is_final)
    return f"It answered {answer.status} in {answer.seconds * 1000:,.0f} ms."


def _send_mail(channel: Mail, mail: EmailMessage) -> str:
    began = time.monotonic()
    try:
        with _line_to(channel) as line, _greeted(channel, line) as server:
            refused = _talk(server, channel, mail)
    except NotSent as error:
        raise NotDelivered(str(error)) from None
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise NotDelivered(f"The mail server refused all recipients: {_reply(code, text)}") from None
    except smtplib.SMTPResponseException as error:
        raise NotDelivered(f"The mail server answered {_reply(error.smtp_code, error.smtp_error)}") from None
    except ssl.SSLError as error:
        raise NotDelivered(f"TLS failed: {getattr(error, 'verify_message', '') or error.reason or error}") from None
    except TimeoutError:
        raise NotDelivered(f"The mail server did not answer within {MAIL_TIMEOUT_SECONDS:g} s.") from None
    except OSError as error:  # smtplib's own errors are OSErrors, too
        raise NotDelivered(f"The mail was not sent: {clean(str(error.strerror or error), 200)}") from None
    took = f"The mail server took it in {(time.monotonic() - began) * 1000:,.0f} ms."
    return f"{took} It refused {', '.join(refused)}." if refused else took


@contextmanager
def _line_to(channel: Mail) -> Iterator[socket.socket]:
    """Connect to the mail server. The connection is cut off in time, also if the server sends a byte a second."""
    began = time.monotonic()
    deadline = began + MAIL_TIMEOUT_SECONDS
    line = connect(addresses_of(channel.host, channel.server_port, deadline, allowed=ANYWHERE), deadline, lambda it: it)
    line.settimeout(MAIL_TIMEOUT_SECONDS)
    with line, line.dup() as other_end:  # TLS takes `line` over
        watchdog = threading.Timer(MAIL_SECONDS - (time.monotonic() - began), _cut_off, [other_end])
        watchdog.daemon = True
        watchdog.start()
        try:
            yield line
        finally:
            watchdog.cancel()


def _cut_off(line: socket.socket) -> None:
    with suppress(OSError):  # it is closed meanwhile
        line.shutdown(socket.SHUT_RDWR)


def _greeted(channel: Mail, line: socket.socket) -> smtplib.SMTP:
    kind = _TlsOnLine if channel.security == "tls" else _OnLine
    return kind(line, channel.host, channel.server_port, timeout=MAIL_TIMEOUT_SECONDS)


def _talk(server: smtplib.SMTP, channel: Mail, mail: EmailMessage) -> list[str]:
    """Return the recipients that the server has refused; it has taken the mail for the others."""
    if channel.security == "starttls":
        server.starttls(context=ssl.create_default_context())
    if username := channel.username.get_secret_value():
        server.login(username, channel.password.get_secret_value())
    return sorted(server.send_message(mail))


class _OnLine(smtplib.SMTP):
    """A conversation on a connection that is there already."""

    def __init__(self, line: socket.socket, *arguments: Any, **options: Any):
        self._line = line
        super().__init__(*arguments, **options)

    def _get_socket(self, *_: Any) -> socket.socket:
        """smtplib has this step for those who change how a connection is made."""
        return self._line


class _TlsOnLine(_OnLine, smtplib.SMTP_SSL):
    """The same, with TLS from the beginning."""

    def _get_socket(self, *_: Any) -> socket.socket:
        return ssl.create_default_context().wrap_socket(self._line, server_hostname=self._host)  # type: ignore[attr-defined]  # not in typeshed


def _reply(code: int, text: bytes | str) -> str:
    shown = text.decode(errors="replace") if isinstance(text, bytes) else text
    return clean(f"{code}: {shown}", 200)
