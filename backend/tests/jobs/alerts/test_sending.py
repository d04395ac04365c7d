"""Messages reach real receivers: web servers, and mail servers with TLS and a login."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from email import message_from_bytes, policy

import pytest
from aiosmtpd.smtp import AuthResult
from pydantic import ValidationError

from taskdesk.jobs.alerts import sending
from taskdesk.jobs.alerts.channels import CHANNEL
from taskdesk.jobs.alerts.courier import Courier
from taskdesk.jobs.alerts.file import AlertsFile
from taskdesk.jobs.alerts.message import Event, Message
from taskdesk.jobs.alerts.outbox import Outbox
from taskdesk.jobs.alerts.sending import NotDelivered, send

MESSAGE = Message("ab12", Event.FIRED, "causes", "first-failure", "Größe in résumé", ("3 jobs failed",), "/jobs", 0)


def mail(port, **more):
    values = {"kind": "mail", "host": "localhost", "port": port, "security": "none", "sender": "desk@example.org"}
    return CHANNEL.validate_python({**values, "to": ["a@example.org", "b@example.org"], **more})


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A certificate of localhost: the context of the server, and the file that a client has to trust."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, str(cert)


@pytest.mark.parametrize("kind", ["webhook", "slack", "teams", "ntfy"])
def test_a_message_reaches_a_web_server(receiver, kind):
    topic = {"topic": "desk"} if kind == "ntfy" else {}

    answer = send(CHANNEL.validate_python({"kind": kind, "url": receiver.url, **topic}), MESSAGE, "http://desk.example")

    assert answer.startswith("It answered 200 in ")
    [headers] = receiver.headers
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert "Größe in résumé" in str(receiver.requests[0])


@pytest.mark.parametrize(("status", "is_final"), [(500, False), (429, False), (302, False), (404, True), (400, True)])
def test_an_answer_other_than_success_says_what_it_was_and_not_where(receiver, status, is_final):
    receiver.answers = [status]

    with pytest.raises(NotDelivered, match=f"^It answered {status}. no thanks$") as raised:
        send(CHANNEL.validate_python({"kind": "slack", "url": receiver.url}), MESSAGE, "")

    assert raised.value.is_final is is_final


def test_a_server_that_is_down_is_named_without_its_path(receiver):
    receiver.close()

    with pytest.raises(NotDelivered, match="refused") as raised:
        send(CHANNEL.validate_python({"kind": "slack", "url": receiver.url}), MESSAGE, "")

    assert "secret-path" not in str(raised.value)


def test_a_mail_arrives_as_text_with_its_link(mail_server):
    box, port = mail_server()

    assert send(mail(port), MESSAGE, "http://desk.example").startswith("The mail server took it in ")

    [envelope] = box.mails
    arrived = message_from_bytes(envelope.content, policy=policy.default)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("desk@example.org", ["a@example.org", "b@example.org"])
    assert arrived["Subject"] == "[Taskdesk] Größe in résumé"
    assert arrived.get_content().splitlines() == [
        "Größe in résumé",
        "",
        "3 jobs failed",
        "",
        "http://desk.example/jobs",
    ]


LOGIN = {"username": "desk", "password": "secret-password"}


def authenticator(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"desk", b"secret-password"), handled=False)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_through_tls_with_a_login(mail_server, tls, monkeypatch, security):
    context, trusted = tls
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    options = {"tls_context": context, "require_starttls": True} if security == "starttls" else {"ssl_context": context}
    box, port = mail_server(authenticator=authenticator, auth_require_tls=security == "starttls", **options)

    send(mail(port, security=security, **LOGIN), MESSAGE, "")

    assert len(box.mails) == 1


def test_a_wrong_password_is_said_and_not_shown(mail_server, tls, monkeypatch):
    context, trusted = tls
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    _, port = mail_server(authenticator=authenticator, tls_context=context)

    with pytest.raises(NotDelivered, match=r"^The mail server answered 535: .*invalid") as raised:
        send(mail(port, security="starttls", username="desk", password="another-password"), MESSAGE, "")

    assert "another-password" not in str(raised.value)


def test_no_mail_goes_to_a_server_whose_certificate_is_unknown(mail_server, tls):
    box, port = mail_server(tls_context=tls[0])

    with pytest.raises(NotDelivered, match=r"^TLS failed: self-signed certificate"):
        send(mail(port, security="starttls"), MESSAGE, "")

    assert box.mails == []


def test_no_mail_goes_without_tls_if_the_server_has_none(mail_server):
    box, port = mail_server()

    with pytest.raises(NotDelivered, match="STARTTLS extension not supported"):
        send(mail(port, security="starttls", **LOGIN), MESSAGE, "")

    assert box.mails == []


def test_a_refusal_of_the_mail_server_is_said(mail_server):
    box, port = mail_server()
    box.refusal = "452 the disk is full"

    with pytest.raises(NotDelivered, match=r"^The mail server answered 452: the disk is full$"):
        send(mail(port), MESSAGE, "")


def test_who_is_refused_is_named_and_the_others_get_the_mail(mail_server):
    box, port = mail_server()
    box.refused = {"b@example.org"}

    assert send(mail(port), MESSAGE, "").endswith("It refused b@example.org.")
    box.refused = {"a@example.org", "b@example.org"}
    with pytest.raises(NotDelivered, match=r"^The mail server refused all recipients: 550: no such mailbox$"):
        send(mail(port), MESSAGE, "")

    assert [envelope.rcpt_tos for envelope in box.mails] == [["a@example.org"]]


def test_a_mail_server_that_drips_is_cut_off(monkeypatch):
    monkeypatch.setattr(sending, "MAIL_SECONDS", 0.3)
    ended = threading.Event()

    def drip(server):
        connection, _ = server.accept()
        with connection:
            while not ended.wait(0.02):
                connection.sendall(b"2")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,), daemon=True)
        thread.start()
        try:
            with pytest.raises(NotDelivered):
                send(mail(server.getsockname()[1]), MESSAGE, "")
        finally:
            ended.set()
            thread.join()


def test_a_mail_whose_server_is_found_too_late_is_not_sent(mail_server, monkeypatch):
    box, port = mail_server()
    find, is_found = socket.getaddrinfo, threading.Event()

    def find_late(host, *arguments, **options):
        if host == "localhost":
            is_found.wait(30)
        return find(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", find_late)
    monkeypatch.setattr(sending, "MAIL_TIMEOUT_SECONDS", 0.2)

    with pytest.raises(NotDelivered, match=r"^DNS did not answer the question for localhost.$"):
        send(mail(port), MESSAGE, "")

    is_found.set()
    assert send(mail(port, host="127.0.0.1"), MESSAGE, "").startswith("The mail server took it in ")
    assert len(box.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_server_that_hangs_in_tls_is_cut_off(monkeypatch, security):
    monkeypatch.setattr(sending, "MAIL_SECONDS", 0.3)
    greeting = b"220 hello\r\n250-host\r\n250 STARTTLS\r\n220 go on\r\n" if security == "starttls" else b""

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_hang, args=(server, greeting), daemon=True)
        thread.start()
        with pytest.raises(NotDelivered, match=r"^TLS failed|closed"):  # closed: it was cut off before TLS began
            send(mail(server.getsockname()[1], security=security), MESSAGE, "")
        thread.join()  # the connection has ended


def _hang(server, greeting):
    connection, _ = server.accept()
    with connection:
        connection.sendall(greeting)
        while connection.recv(1000):
            pass


def test_an_unexpected_error_is_logged_without_its_text_which_may_be_a_secret(redis, caplog):
    courier = Courier(redis, AlertsFile(channels={"ops": "secret-path"}))
    Outbox(redis).add("ops", MESSAGE)

    [thread] = courier.send_due()
    thread.join()

    [record] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "KeyError" in record.getMessage()
    assert "templates.py" in record.getMessage()
    assert "class 'str'" not in caplog.text
    assert Outbox(redis).last()[0].status == "failed"


def test_a_password_that_no_mail_server_takes_is_refused_without_being_shown():
    with pytest.raises(ValidationError, match="ASCII") as raised:
        mail(25, security="tls", username="desk", password="pässword")

    assert "pässword" not in str(raised.value)
