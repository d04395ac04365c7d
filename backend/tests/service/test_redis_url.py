"""REDIS_URL: what is refused, with which remedy, and without a part of a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import quote

import pytest
from redis import Redis
from redis.connection import parse_url

from taskdesk.service.redis import connect_with_timeout
from taskdesk.service.redis_url import check_redis_url, redis_address
from taskdesk.service.sentinel import SentinelAddress
from tests.conftest import BACKEND, RedisServer

ENCODE = "percent-encode the password in it"
REFUSED = {
    "redis://:s3cr/et@HOST": ENCODE,
    "redis://:s3cr/et@c@HOST:6379/0": ENCODE,
    "redis://:12/s3cr@HOST": ENCODE,  # would be port 12 of this machine
    "redis://s3cr:12/et@HOST": ENCODE,
    "redis://:s3cr?et@HOST": ENCODE,
    "redis://:12?s3cr@HOST": ENCODE,
    "redis://:12?s3cr=et@HOST": ENCODE,
    "redis://:s3cr#et@HOST": ENCODE,
    "redis://:12#s3cr@HOST": ENCODE,
    "redis://:s3cr[et@HOST": ENCODE,
    "redis://:s3cr%ffet@HOST": ENCODE,
    "rediss://me:s3cr/et@HOST": ENCODE,
    "unix://:s3cr/et@/tmp/redis.sock": ENCODE,
    "redis+sentinel://:s3cr/et@a,b/desk": ENCODE,
    "redis+sentinel://:12/s3cr@a/desk": ENCODE,
    "redis+sentinel://me:12?s3cr@a/desk": ENCODE,
    "redis+sentinel://me:12#s3cr@a/desk": ENCODE,
    "rediss+sentinel://:s3cr[et@a,b/desk": ENCODE,
    "redis+sentinel://:s3cr%ffet@a,b/desk": ENCODE,
    "redis+sentinel://a,b,c": "it has to look like redis+sentinel://:PASSWORD@HOST,HOST,HOST/NAME",
    "redis+sentinel://a,b,c/": "it has to look like redis+sentinel://",
    "redis+sentinel://a,,c/desk": "it has to look like redis+sentinel://",
    "redis+sentinel://a:99999/desk": "it has to look like redis+sentinel://",
    "redis+sentinel://a:port/desk": "it has to look like redis+sentinel://",
    "redis+sentinel://a/desk/zero": "it has to look like redis+sentinel://",
    "redis+sentinel://a/desk#x": "it has to look like redis+sentinel://",
    "redis+sentinel://a/desk?nonsense=1": "there is no option 'nonsense' behind the ?; there are db, ",
    "redis+sentinel://a/desk?sentinel_nonsense=1": "there is no option 'sentinel_nonsense'",
    "rediss+sentinel://a/desk?ssl_bogus=1": "an option behind the ? is unknown to redis-py",
    "HOST:6379": "it has to look like redis://",
    "http://HOST": "it has to look like redis://",
    "redis://HOST:99999": "it has to look like redis://",
    "redis://HOST/0?socket_timeout=soon": "it has to look like redis://",
    "redis://HOST/mydb": "what follows the host has to be the number of a database",
    "redis://HOST?nonsense=1": "there is no option 'nonsense' behind the ?; there are db, ",
    "redis://HOST/0?decode_responses=1": "there is no option 'decode_responses'",  # all our code reads bytes
    "redis://HOST/0?nonsense=": "there is no option 'nonsense'",
    "rediss://HOST?ssl_bogus=1": "an option behind the ? is unknown to redis-py",
    "rediss://HOST?ssl_cert_reqs=bogus": "an option behind the ? is unknown to redis-py",
}
ACCEPTED = [
    "redis://HOST",
    "redis://[::1]:6379/0/",
    "redis://me:pass@word@HOST",  # urllib takes the last @
    "redis://:50%off@HOST",
    "redis://HOST/0?username=me&password=a@b&socket_timeout=5",
    "redis://HOST?db=3",
    "rediss://HOST?ssl_cert_reqs=none",
    "redis+sentinel://a/desk",
    "redis+sentinel://:pass@word@a:1,b.example.org,10.0.0.1:26379/my-desk.1/3",
    "redis+sentinel://me:50%25@[::1]:26379/desk/0?socket_timeout=5&sentinel_username=me&sentinel_password=a%26b@c",
    "rediss+sentinel://a,b/desk?ssl_ca_certs=/ca.pem&ssl_certfile=/cert.pem&ssl_keyfile=/key.pem",
    "unix:///tmp/my redis.sock",
    "unix:///tmp/my%20redis@home.sock?db=1",
    "unix://:pass@/tmp/redis.sock",
]


@pytest.mark.parametrize(("url", "sentence"), REFUSED.items())
def test_an_address_is_refused_with_the_remedy_and_without_the_password(url, sentence):
    with pytest.raises(ValueError, match=r"\w") as raised:
        check_redis_url(url)

    assert str(raised.value).startswith(sentence)
    assert "s3cr" not in str(raised.value)


@pytest.mark.parametrize("url", ACCEPTED)
def test_an_address_is_accepted(url):
    check_redis_url(url)


@pytest.mark.parametrize("password", ["a/b@c", "#?[]%20 ", "50%", "ä:ö"])
def test_a_password_that_is_encoded_as_the_sentence_says_is_accepted_and_not_shown(password):
    url = f"redis://:{quote(password, safe='')}@HOST:6379/0?password=other"

    check_redis_url(url)

    assert redis_address(url) == "redis://HOST:6379/0"


@pytest.mark.parametrize("password", ["a/b@c", "#?[]%20 ", "50%", "ä:ö", ",&="])
def test_a_password_with_sentinels_is_encoded_in_the_same_way_and_not_shown(password):
    encoded = quote(password, safe="")
    url = f"redis+sentinel://me:{encoded}@a:1,b/desk/3?socket_timeout=5&sentinel_password={encoded}"

    check_redis_url(url)

    address = SentinelAddress.of(url)
    assert redis_address(url) == "redis+sentinel://a:1,b/desk/3"
    assert (address.sentinels, address.name) == ([("a", 1), ("b", 26379)], "desk")
    assert address.sentinel_options == {"password": password}
    options = {"username": "me", "password": password, "db": 3, "socket_timeout": 5.0}
    assert parse_url(address.server_url) == {**options, "host": "primary"}


SECRET = "9f2c 4e61/b7d8@a305:5c1e?7f90#ab34[d628]%20,ä&="  # all that has a meaning in an address


@pytest.mark.parametrize("user", ["", "desk"])
def test_a_password_with_any_character_logs_in(redis, redis_server, user):
    name = user or "default"
    redis.execute_command("ACL", "SETUSER", name, "on", "resetpass", f">{SECRET}", "~*", "&*", "+@all")
    try:
        with connect_with_timeout(
            f"redis://{user}:{quote(SECRET, safe='')}@127.0.0.1:{redis_server.port}/0", 5
        ) as ours:
            assert ours.acl_whoami() == name
    finally:
        redis.execute_command("ACL", *(("DELUSER", user) if user else ("SETUSER", name, "nopass")))


@pytest.mark.parametrize("command", [["server.py"], ["worker.py"], ["dashboard.py"], ["-m", "taskdesk", "queues"]])
def test_no_program_shows_a_password_that_is_not_encoded(command, tmp_path):
    env = {**os.environ, "REDIS_URL": "redis://:s3cr/et@HOST", "DATA_DIR": str(tmp_path)}

    done = subprocess.run([sys.executable, *command], cwd=BACKEND, env=env, capture_output=True, text=True, timeout=60)

    assert done.returncode == 2
    assert f"REDIS_URL: {ENCODE}" in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cr" not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_socket_with_any_name_is_used(tmp_path):
    for number, name in enumerate(["my redis.sock", "größe@home.sock"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        server = RedisServer(folder)
        server.options = ["--unixsocket", str(folder / name)]
        server.start()
        try:
            check_use(f"unix://{folder / name}", folder)
            check_use(f"unix://{quote(str(folder / name))}?db=1", folder)
        finally:
            server.stop()


def check_use(url: str, folder) -> None:
    env = {**os.environ, "REDIS_URL": url, "DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "taskdesk", "queues", "--json"]

    done = subprocess.run(command, cwd=BACKEND, env=env, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    with Redis.from_url(url) as redis:
        assert redis.ping()
