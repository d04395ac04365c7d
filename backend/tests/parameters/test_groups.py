"""Groups: the fields of a dataclass, a pydantic model or a TypedDict on a form, and what the function gets of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.parameters.test_surfaces import Form

PAGE = "/tasks/takes_groups"
DEFAULTS = "Tree(depth=8, criterion='gini', is_balanced=False)"


def sent(client: Any, path: str = PAGE, **changed: str) -> dict[str, Any]:
    """What a browser sends of this form, with these texts; `a__b` is the field b of the group a."""
    fields: dict[str, Any] = {**Form(client.get(path).text).fields(), "-form-token": ""}
    return fields | {name.replace("__", "."): text for name, text in changed.items()}


@pytest.fixture
def gets(client, registry, received):
    def gets(**changed: str) -> Any:
        return received(client.post(PAGE, data=sent(client, **changed)))

    return gets


def test_a_group_has_a_field_for_each_of_its_own_with_limits_help_and_default(client, registry):
    page = client.get(PAGE).text

    assert re.findall(r"<legend>\s*(.*?)\s*</legend>", page) == ["Forest", "Tree", "Split", "Other"]
    assert re.search(r'value="8" id="forest.tree.depth"(?=[^>]* min="1")(?=[^>]* max="64")', page)
    assert "How deep it may grow." in page
    assert 'name="split.until"' in page


def test_the_function_gets_objects(gets):
    assert (
        gets(forest__name="a") == f"(Forest(name='a', tree={DEFAULTS}, tags=[]), Split(share=0.25, until=None), None)"
    )
    changed = {"forest__tree__depth": "3", "forest__tree__is_balanced": "on", "forest__tags": "x\r\ny"}
    found = gets(forest__name="a", **changed, split__share="0.5", split__until="2026-03-29")
    tree = "Tree(depth=3, criterion='gini', is_balanced=True)"
    date = "datetime.date(2026, 3, 29)"
    assert found == f"(Forest(name='a', tree={tree}, tags=['x', 'y']), Split(share=0.5, until={date}), None)"


def test_a_group_that_may_be_missing_counts_only_if_it_is_chosen(gets):
    assert gets(forest__name="a", other__depth="5").endswith(", None)")
    assert gets(forest__name="a", other__depth="5", **{"other:as": ""}).endswith(DEFAULTS.replace("8", "5") + ")")


def test_each_error_stands_at_its_field_and_what_was_typed_stays(client, registry):
    given = sent(client, forest__name="kept", forest__tree__depth="99", split__share="much")
    answer = client.post(PAGE, data=given)

    assert answer.status_code == 422
    assert (
        '<a href="#forest.tree.depth">Forest: Tree: Depth</a>, <a href="#split.share">Split: Share</a>' in answer.text
    )
    assert re.search(r'value="99" id="forest.tree.depth"[^>]*aria-invalid', answer.text)
    assert re.search(r'id="split.share-hint">\s*<span class="error" data-error>Must be a number', answer.text)
    assert re.search(r'value="kept" id="forest.name"', answer.text)


def test_a_field_that_the_group_does_not_have_is_refused(client, registry):
    answer = client.post(PAGE, data=sent(client, forest__name="a", forest__nope="1"))

    assert answer.status_code == 422
    assert "forest.nope: " in answer.text


def test_the_code_samples_have_what_a_group_requires(client, registry):
    assert "&#34;forest&#34;: {&#34;name&#34;: &#34;" in client.get(PAGE).text


def test_a_required_field_of_a_group_that_is_empty_is_named(client, registry):
    answer = client.post(PAGE, data=sent(client))

    assert answer.status_code == 422
    assert '<a href="#forest.name">Forest: Name</a>. Nothing' in answer.text


def test_the_form_of_an_earlier_job_has_its_values(client, registry, received):
    values = {"forest": {"name": "a", "tree": {"depth": 2, "is_balanced": True}}, "other": {"criterion": "entropy"}}
    job = client.post("/api/v1/tasks/takes_groups/jobs", json=values).json
    again = client.post(PAGE, data=sent(client, f"{PAGE}?from={job['id']}"))

    assert received(again) == client.get(f"/api/v1/jobs/{job['id']}/result").text
    assert "entropy" in received(again)


def test_what_has_no_field_is_shown_as_json_with_its_errors(client, registry, received):
    values = {"forest": {"name": "a", "tree": {"depth": 2}, "extra": 1}}
    job = client.post("/api/v1/tasks/takes_groups/jobs", json=values).json
    form = sent(client, f"{PAGE}?from={job['id']}")

    assert json.loads(form["forest"][0]) == values["forest"]
    assert "depth=2" in received(client.post(PAGE, data=form))
    wrong = client.post(PAGE, data={**form, "forest": '{"name": "a", "tree": {"depth": 99}}'})
    assert "tree.depth: Must be at most 64." in wrong.text


def test_the_form_of_a_schedule_and_a_preset_have_groups_too(client, registry):
    values = {**sent(client, forest__name="kept", forest__tree__depth="5"), "-preset": "of a group"}
    assert client.post(f"{PAGE}/presets", data=values).status_code == 303
    assert 'value="5" id="forest.tree.depth"' in client.get(PAGE, query_string={"-preset": "of a group"}).text
    [preset] = client.get("/api/v1/tasks/takes_groups/presets").json["data"]
    assert preset["input"]["forest"]["tree"]["depth"] == 5

    made = client.post("/schedules/new?task=takes_groups", data={**values, "-every": "0 6 * * *"})
    assert made.status_code == 303, made.text
    [schedule] = client.get("/api/v1/schedules").json["data"]
    assert schedule["arguments"]["forest"]["tree"]["depth"] == 5


def test_a_preset_may_lack_what_a_group_requires(client, registry):
    saved = client.post(f"{PAGE}/presets", data={**sent(client, split__share="0.75"), "-preset": "half"})

    assert saved.status_code == 303
    assert 'value="0.75" id="split.share"' in client.get(PAGE, query_string={"-preset": "half"}).text
