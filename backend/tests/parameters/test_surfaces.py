"""Examples of parameters that are hard to send, each by form, multipart, JSON, command line and `?from=`."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import pytest

LARGE = "7" * 400
EXACT = "12345678901234567.89"
SECRET = "correct horse"
NOTHING = "(None, None, ['q'], None, None, None, None)"  # what an untouched form gives to takes_nothing


class Form(HTMLParser):
    """What a browser without JavaScript sends of the form of a page, untouched."""

    def __init__(self, page: str):
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self._select: Any = None
        self._area: Any = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        own = dict(attrs)
        if tag == "textarea" and own.get("name"):
            self._area = (own["name"], [])
        elif tag == "select":
            self._select = (own.get("name"), [])
        elif tag == "option" and self._select:
            self._select[1].append((own.get("value", ""), "selected" in own))
        elif tag == "input" and own.get("name") and (own.get("type") not in ("file", "checkbox") or "checked" in own):
            self.sent.append((own["name"], own.get("value") or ""))

    def handle_data(self, data: str) -> None:
        if self._area:
            self._area[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area:
            name, texts = self._area
            self.sent.append((name, "".join(texts).removeprefix("\n").replace("\n", "\r\n")))
            self._area = None
        elif tag == "select" and self._select and self._select[0]:
            name, options = self._select
            chosen = [value for value, is_selected in options if is_selected] or [value for value, _ in options[:1]]
            self.sent += [(name, value) for value in chosen[-1:]]
            self._select = None

    def fields(self) -> dict[str, list[str]]:
        fields: dict[str, list[str]] = {}
        for name, value in self.sent:
            fields.setdefault(name, []).append(value)
        return fields


@pytest.fixture
def each_way(client, run, all_received):
    """Send the texts by each way that has texts, and the untouched form of what they make; return what arrives."""

    def each_way(task, texts, form=None):
        words = [f"{name}={text}" for name, text in texts.items()]
        line = run("submit", task, *words)
        answers = [
            client.post(f"/tasks/{task}", data=texts if form is None else form),
            client.post(f"/api/v1/tasks/{task}/jobs", data=texts, content_type="multipart/form-data"),
        ]
        jobs = [answer.location.rpartition("/")[2] for answer in answers if answer.status_code in (202, 303)]
        for job_id in jobs[:1]:
            again = Form(client.get(f"/tasks/{task}?from={job_id}").text).fields()
            answers.append(client.post(f"/tasks/{task}", data={**again, "-form-token": ""}))
        link = Form(client.get(f"/tasks/{task}", query_string=texts).text).fields()
        answers.append(client.post(f"/tasks/{task}", data={**link, "-form-token": ""}))
        found = set(all_received(*answers))
        if line.exit_code == 0:
            found.add(client.get(f"/api/v1/jobs/{line.stdout.strip()}/result").text)
        else:
            found.add(422)
        return found

    return each_way


@pytest.mark.parametrize(
    ("texts", "arrives"),
    [
        ({"n": LARGE}, f"({LARGE}, None, 0.5, None)"),
        ({"n": "-" + LARGE}, f"(-{LARGE}, None, 0.5, None)"),
        ({"n": "7" * 5000}, 422),
        ({"n": "1e20"}, 422),
        ({"n": "0.5"}, 422),
        ({"share": LARGE}, 422),
        ({"share": "1e400"}, 422),
        ({"exact": EXACT}, f"(0, Decimal('{EXACT}'), 0.5, None)"),
        ({"exact": "0.10"}, "(0, Decimal('0.10'), 0.5, None)"),
        ({"exact": "1e-30"}, "(0, Decimal('1E-30'), 0.5, None)"),
        ({"exact": "abc"}, 422),
        ({"exact": "NaN"}, 422),
        ({"exact": ""}, "(0, None, 0.5, None)"),
        ({"many": EXACT}, f"(0, None, 0.5, [Decimal('{EXACT}')])"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_numbers_are_exact_or_refused_at_the_door(each_way, texts, arrives):
    assert each_way("takes_numbers", texts) == {arrives}


@pytest.mark.parametrize(
    ("body", "arrives"),
    [
        (f'{{"exact": {EXACT}}}', f"(0, Decimal('{EXACT}'), 0.5, None)"),
        (f'{{"exact": "{EXACT}"}}', f"(0, Decimal('{EXACT}'), 0.5, None)"),
        (f'{{"many": [0.1, {EXACT}, 5]}}', f"(0, None, 0.5, [Decimal('0.1'), Decimal('{EXACT}'), Decimal('5')])"),
        (f'{{"n": {LARGE}}}', f"({LARGE}, None, 0.5, None)"),
        ('{"n": 1e20}', 422),
        ('{"n": 5.0}', "(5, None, 0.5, None)"),
        (f'{{"share": {LARGE}}}', 422),
        ('{"exact": "abc"}', 422),
        ('{"exact": true}', 422),
    ],
    ids=lambda value: str(value)[:30],
)
def test_numbers_in_json_are_exact_or_refused_at_the_door(client, received, body, arrives):
    sent = client.post("/api/v1/tasks/takes_numbers/jobs", data=body, content_type="application/json")

    assert received(sent) == arrives


def test_a_decimal_in_a_batch_is_exact(client, run_worker):
    body = f'{{"inputs": [{{"exact": {EXACT}}}]}}'
    [job] = client.post("/api/v1/tasks/takes_numbers/jobs:batch", data=body, content_type="application/json").json[
        "ids"
    ]
    run_worker()

    assert EXACT in client.get(f"/api/v1/jobs/{job}/result").text


UNTOUCHED = {"features": None, "flag": True, "number": 1, "day": "2026-01-02", "odd": 5, "anything": None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("features", value) for value in (0.5, "sqrt", "log2", None)],
        *[("flag", value) for value in (True, False, "yes", "true", "", "on")],
        *[("number", value) for value in (7, "7", "seven", "", " 7")],
        *[("day", value) for value in ("2026-03-29", "2026-03-29T02:30:00Z", "2026-03-29T02:30:00+02:00")],
        *[("odd", value) for value in (5, "5", True, None)],
        *[("anything", value) for value in (5, "5", "five", None, True, "true", [1, "a"], {"a": None}, "", " x")],
        ("pair", [2, "b"]),
        ("pair", [2, ""]),
    ],
    ids=str,
)
def test_the_form_of_a_job_sends_the_same_again(client, all_received, name, value):
    first = client.post("/api/v1/tasks/takes_unions/jobs", json={name: value})
    again = Form(client.get(f"/tasks/takes_unions?from={first.json['id']}").text).fields()

    second = client.post("/tasks/takes_unions", data={**again, "-form-token": ""})

    given = client.get(f"/api/v1/jobs/{second.location.rpartition('/')[2]}").json["input"]
    assert json.dumps(given.get(name)) == json.dumps(value)
    assert len(set(all_received(first, second))) == 1


@pytest.mark.parametrize(
    ("form", "arrives"),
    [
        ({"features": "0.5"}, 0.5),
        ({"features": "log2"}, "log2"),
        ({"features": ""}, None),
        ({"flag": "yes"}, "yes"),
        ({"flag": "false"}, False),
        ({"flag": "false", "flag:as": "text"}, "false"),
        ({"number": "7"}, 7),
        ({"number": "7", "number:as": "text"}, "7"),
        ({"number": "", "number:as": "text"}, ""),
        ({"odd": "5"}, 5),
        ({"odd": '"5"'}, "5"),
        ({"odd": "true"}, True),
        ({"odd": ""}, None),
        ({"anything": '"5"'}, "5"),
        ({"anything": "five"}, "five"),
        ({"pair": "3\nc"}, [3, "c"]),
    ],
    ids=str,
)
def test_each_type_of_a_union_can_be_typed_without_javascript(client, form, arrives):
    [name] = [name for name in form if ":" not in name]
    page = client.get("/tasks/takes_unions").text
    ways = re.findall(rf'name="{name}:as".*?</select>', page, re.DOTALL)

    sent = client.post("/tasks/takes_unions", data=form)

    given = client.get(f"/api/v1/jobs/{sent.location.rpartition('/')[2]}").json["input"]
    assert json.dumps(given[name]) == json.dumps(arrives)
    assert f"{name}:as" not in form or f'value="{form[f"{name}:as"]}"' in ways[0]


def test_a_form_that_nobody_touches_sends_the_defaults(client, received):
    untouched = Form(client.get("/tasks/takes_nothing").text).fields()

    assert received(client.post("/tasks/takes_nothing", data=untouched)) == NOTHING


@pytest.mark.parametrize(
    ("texts", "arrives"),
    [
        ({"maybe:": "null"}, "(None, None, ['q'], None, None, None, None)"),
        ({"maybe:": "[]"}, "(None, None, ['q'], [], None, None, None)"),
        ({"made:": "[]"}, "(None, None, [], None, None, None, None)"),
        ({"texts:": "[]"}, "(None, [], ['q'], None, None, None, None)"),
        ({"text:": '""'}, "('', None, ['q'], None, None, None, None)"),
        ({"note:": '""'}, "(None, None, ['q'], None, '', None, None)"),
        ({"note:": "null"}, "(None, None, ['q'], None, None, None, None)"),
        ({"agreed": "true"}, "(None, None, ['q'], None, None, True, None)"),
        ({"agreed": ""}, "(None, None, ['q'], None, None, None, None)"),
        ({"wait": ""}, "(None, None, ['q'], None, None, None, None)"),
        ({"wait": "zz"}, 422),
        ({"wait:": "{"}, 422),
        ({"text:": "null"}, 422),
    ],
    ids=str,
)
def test_null_and_the_empty_list_can_be_said_by_every_way(each_way, texts, arrives):
    [(name, text)] = texts.items()
    form = {name.rstrip(":"): text, f"{name.rstrip(':')}:as": "json" if name.endswith(":") else ""}

    found = each_way("takes_nothing", texts, form)

    assert found - {NOTHING} <= {arrives}
    assert arrives in found


@pytest.mark.parametrize("way", ["list", ""])
def test_the_form_offers_the_empty_list_where_an_empty_field_is_something_else(client, received, way):
    page = client.get("/tasks/takes_nothing").text
    assert page.count("an empty list if empty") == 3

    sent = client.post("/tasks/takes_nothing", data={"maybe": "", "maybe:as": way})

    assert received(sent) == f"(None, None, ['q'], {'[]' if way else None}, None, None, None)"


@pytest.mark.parametrize(
    "texts",
    [["a, b", " lead ", "", "x\ny"], ["a", "b"], [""], ["\r"], ["true", "5", "null"], [], ["<b>", '"']],
    ids=str,
)
def test_texts_of_a_list_come_back_from_the_form_as_they_were(client, texts):
    job_id = client.post("/api/v1/tasks/takes_texts/jobs", json={"texts": texts}).json["id"]
    again = Form(client.get(f"/tasks/takes_texts?from={job_id}").text).fields()

    sent = client.post("/tasks/takes_texts", data={**again, "-form-token": ""})

    assert client.get(f"/api/v1/jobs/{sent.location.rpartition('/')[2]}").json["input"] == {"texts": texts}


@pytest.mark.parametrize("name", ["n", "share", "exact"])
def test_a_value_that_is_given_twice_is_an_error(client, run, name):
    twice = {name: ["1", "2"]}
    sentence = "This was given 2 times. Give it once."

    of_api = client.post("/api/v1/tasks/takes_numbers/jobs", data=twice, content_type="multipart/form-data")
    line = run("submit", "takes_numbers", f"{name}=1", f"{name}=2")

    assert of_api.json["errors"] == [{"pointer": f"/{name}", "detail": sentence}]
    assert f"{name}: {sentence}" in line.stderr
    assert client.get(f"/tasks/takes_numbers?{name}=1&{name}=2").status_code == 200


@pytest.mark.slow
def test_parameters_may_have_names_of_dicts_and_libraries(client, run, received, each_way):
    task = "takes_names_of_python"

    assert each_way(task, {}) == {"abcdefghijklNone"}
    assert each_way(task, {"items": "7", "self": "8", "json": "9"}) == {"7bc8efg9ijklNone"}
    sent = client.post(f"/tasks/{task}", data={"pop": (BytesIO(b"x"), "x.txt")})
    assert received(sent).startswith("abcdefghijkl/")
    job_id = sent.location.rpartition("/")[2]
    for path in (f"/jobs/{job_id}", f"/tasks/{task}?from={job_id}", f"/tasks/{task}", "/", "/jobs", "/docs"):
        assert client.get(path).status_code == 200, path


def test_a_time_needs_its_zone_by_every_way_but_the_form_which_names_it(client, run, received):
    naive, exact = "2026-03-29T02:30:00", "2026-03-29T02:30:00Z"
    task = "takes_names_of_a_form"

    for sent in (
        client.post(f"/api/v1/tasks/{task}/jobs", json={"when": naive}),
        client.post(f"/api/v1/tasks/{task}/jobs", data={"when": naive}, content_type="multipart/form-data"),
    ):
        assert sent.json["errors"][0]["detail"].startswith("Must be a date and time with a zone")
    assert "when: Must be a date and time with a zone" in run("submit", task, f"when={naive}").stderr
    page = client.get(f"/tasks/{task}").text
    assert "In UTC." in page
    sent = client.post(f"/tasks/{task}", data={"when": "2026-03-29T02:30"})
    assert client.get(f"/api/v1/jobs/{sent.location.rpartition('/')[2]}").json["input"]["when"] == exact


def test_a_secret_is_shown_nowhere(client, run, run_worker, redis):
    values = {"user": "ann", "password": SECRET, "tokens": [SECRET]}
    answer = client.post("/api/v1/tasks/takes_a_secret/jobs", json=values)
    job_id = answer.json["id"]
    refused = client.post("/tasks/takes_a_secret", data={"password": SECRET, "tokens": ""})
    samples = client.post("/tasks/takes_a_secret/code_samples", data={"user": "ann", "password": SECRET})
    from_page = client.post("/tasks/takes_a_secret", data={"user": "ann", "password": SECRET})
    run_worker()

    seen = {
        "answer": answer.text,
        "job": client.get(f"/api/v1/jobs/{job_id}").text,
        "list": client.get("/api/v1/jobs").text,
        "log": client.get(f"/api/v1/jobs/{job_id}/logs").text,
        "page": client.get(f"/jobs/{job_id}").text,
        "pages": client.get("/jobs").text + client.get("/").text,
        "form": client.get(f"/tasks/takes_a_secret?from={job_id}").text,
        "refused": refused.text,
        "samples": samples.text,
        "line": run("watch", job_id, "--json").stdout + run("list").stdout,
        "description": redis.hget(f"rq:job:{job_id}", "description").decode(),
    }
    assert [place for place, text in seen.items() if SECRET in html.unescape(text)] == []
    assert json.loads(seen["job"])["input"] == {"user": "ann", "password": "*" * 10, "tokens": "*" * 10}
    assert 'type="password" autocomplete="off" id="password"' in seen["form"]
    assert client.get(f"/api/v1/jobs/{job_id}/result").json == len(SECRET) + 1
    assert client.get(f"/api/v1/jobs/{from_page.location.rpartition('/')[2]}/result").json == len(SECRET)
    assert client.post(f"/api/v1/jobs/{job_id}/retry").status_code == 202


def test_a_job_with_a_secret_can_be_retried(client, run_worker):
    values = {"user": "ann", "password": SECRET}
    first = client.post("/api/v1/tasks/takes_a_secret/jobs", json=values).json["id"]
    run_worker()
    again = client.post(f"/api/v1/jobs/{first}/retry").json["id"]
    run_worker()

    assert client.get(f"/api/v1/jobs/{again}/result").json == len(SECRET)


@pytest.mark.parametrize(
    ("texts", "form", "arrives"),
    [
        ({"x": "5"}, None, "(5, 5, (), False, {})"),
        ({"x": "a b", "y": '{"n": [1]}'}, None, "('a b', {'n': [1]}, (), False, {})"),
        ({"x": "null", "args:": "[1, 2]"}, {"x": "null", "args": "1\r\n2"}, "(None, 5, (1, 2), False, {})"),
        (
            {"x": "1", "kwargs": '{"since": "2026-03-29"}'},
            None,
            "(1, 5, (), False, {'since': datetime.date(2026, 3, 29)})",
        ),
        ({"x": "1", "args": "a"}, None, 422),
        ({"x": "1", "kwargs": '{"since": "soon"}'}, None, 422),
        ({"x": "1", "kwargs": '{"flag": "2026-03-29"}'}, None, 422),
    ],
    ids=str,
)
def test_every_signature_of_python_takes_the_same_by_every_way(each_way, texts, form, arrives):
    found = each_way("takes_all_that_python_has", texts, form)

    assert found - {"(None, 5, (), False, {})"} == {arrives}


def test_the_form_says_which_parameters_have_no_type_and_json_takes_the_same(client, received):
    page = client.get("/tasks/takes_all_that_python_has").text
    assert page.count("The code gives it no type.") == 2

    sent = {"x": {"a": None}, "args": [1], "kwargs": {"since": "2026-03-29"}, "flag": True}
    answer = client.post("/api/v1/tasks/takes_all_that_python_has/jobs", json=sent)

    assert received(answer) == "({'a': None}, 5, (1,), True, {'since': datetime.date(2026, 3, 29)})"
