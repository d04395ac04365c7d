"""Text is compressed where that gains something, and a browser loads a static file once."""

from __future__ import annotations

import gzip
import io
import re

import pytest

from taskdesk.web.application import create_app
from taskdesk.web.assets import FOLDER

GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.fixture
def client(web_settings, registry):
    """A client that does not decompress answers."""
    return create_app(web_settings).test_client()


def test_a_page_is_compressed_for_a_client_that_accepts_gzip(client):
    plain, small = client.get("/"), client.get("/", headers=GZIP)

    assert small.headers["Content-Encoding"] == "gzip"
    assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data) / 2
    assert gzip.decompress(small.data) == plain.data
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["Vary"] == small.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "identity"])
def test_a_client_that_does_not_accept_gzip_gets_none(client, accepted):
    for path in ("/", client.get("/").text.split('rel="stylesheet" href="')[1].split('"')[0]):
        assert "Content-Encoding" not in client.get(path, headers={"Accept-Encoding": accepted}).headers


def test_a_short_answer_is_not_compressed(client):
    answer = client.get("/version", headers=GZIP)

    assert len(answer.data) < 1024
    assert not {"Content-Encoding", "Vary"} & set(answer.headers.keys())


def test_a_compressed_page_has_a_weak_tag_and_is_not_sent_again(client):
    document = client.get("/api/v1/openapi.json", headers=GZIP)
    again = client.get("/api/v1/openapi.json", headers={**GZIP, "If-None-Match": document.headers["ETag"]})

    assert document.headers["ETag"].startswith('W/"')
    assert (again.status_code, again.data) == (304, b"")


def test_an_uploaded_file_is_sent_as_it_is(client):
    table = (io.BytesIO(b"a,b\n" * 1000), "table.csv", "text/csv")
    job = client.post("/api/v1/tasks/count_bytes/jobs", data={"data": table}, content_type="multipart/form-data").json

    answer = client.get(
        f"{job['links']['self']}/artifacts/{job['input']['data']['artifact']}", headers=GZIP, buffered=True
    )

    assert (answer.mimetype, len(answer.data)) == ("text/csv", 4000)
    assert "Content-Encoding" not in answer.headers


def test_every_asset_of_a_page_is_kept_for_ever_under_the_version_of_its_content(client):
    page = client.get("/tasks/echo").text
    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)

    assert len(assets) >= 5
    for asset in assets:
        answer = client.get(asset)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert gzip.decompress(client.get(asset, headers=GZIP).data) == answer.data
    assert len({asset.split("/")[2] for asset in assets}) == 1


def test_a_page_of_another_version_finds_its_files_too_but_not_for_ever(client):
    answer = client.get("/static/0123456789ab/icon.svg")

    assert answer.data == (FOLDER / "icon.svg").read_bytes()
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.css", "../settings.py", "vendor", "%2e%2e/settings.py"])
def test_nothing_else_is_served(client, name):
    assert client.get(f"/static/0123456789ab/{name}").status_code == 404
