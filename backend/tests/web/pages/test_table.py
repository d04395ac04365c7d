"""The page of a table of a result: all rows, filtered, sorted and in pages, without JavaScript."""

from __future__ import annotations

import re

import pytest

from taskdesk.jobs.keys import results_key
from taskdesk.web.pages import table as table_page
from taskdesk.web.pages.view.whole_table import Choice, WholeTable


@pytest.fixture
def large(submit, run_worker) -> str:
    """A job with a table of 10,000 rows and 50 columns."""
    job_id = submit("gives_a_table", {"rows": 10_000, "columns": 50})
    run_worker()
    return job_id


def cells(markup: str, column: int = 0) -> list[str]:
    body = markup.partition("<tbody>")[2].partition("</tbody>")[0]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row)[column] for row in body.split("<tr>")[1:]]


def test_the_pages_have_all_rows(client, page, large):
    path = f"/jobs/{large}/table"
    assert f'href="{path}">All 10,000 rows: filter, sort, full screen</a>' in client.get(f"/jobs/{large}").text

    first, last = client.get(path).text, client.get(f"{path}?page=50").text
    for query in ("", "?page=25", "?page=7&sort=0&order=desc"):
        assert client.get(path + query).status_code == 200

    assert "Rows 1 to 200 of 10,000" in page(path)
    assert "Rows 9,801 to 10,000 of 10,000" in page(f"{path}?page=50")
    assert page(f"{path}?page=999") == page(f"{path}?page=50")
    assert len(cells(first)) == len(cells(last)) == 200
    assert 'page=2" rel="next"' in first
    assert 'rel="next"' not in last


def test_the_first_page_needs_only_the_preview(client, large, redis):
    redis.delete(results_key(large))

    assert client.get(f"/jobs/{large}/table").status_code == 200
    assert client.get(f"/jobs/{large}/table?page=2").status_code == 410


@pytest.mark.slow
def test_tables_are_kept_for_a_moment_and_not_many(client, large, submit, run_worker, redis):
    client.get(f"/jobs/{large}/table?page=2")
    redis.delete(results_key(large))
    assert client.get(f"/jobs/{large}/table?page=3").status_code == 200

    for _ in range(table_page.KEPT):
        other = submit("gives_much", {"kind": "table", "size": 300})
        run_worker()
        client.get(f"/jobs/{other}/table?page=2")
    assert client.get(f"/jobs/{large}/table?page=3").status_code == 410
    assert len(table_page._kept) <= table_page.KEPT


def test_a_part_of_a_result_is_named(client, page, submit, run_worker):
    job_id = submit("parts", {})
    run_worker()

    assert "Rows 1 to 2 of 2" in page(f"/jobs/{job_id}/table?part=table")
    assert client.get(f"/jobs/{job_id}/table?part=text").status_code == 404
    assert client.get(f"/jobs/{job_id}/table").status_code == 404


def test_a_filter_and_an_order_stay_from_page_to_page_and_text_is_text(client, submit, run_worker):
    job_id = submit("parts", {})
    run_worker()

    markup = client.get(f"/jobs/{job_id}/table?part=table&q=<i>&sort=0&order=desc").text

    assert cells(markup) == ["&lt;i&gt;a&lt;/i&gt;"]
    assert 'value="&lt;i&gt;"' in markup
    assert f'<a href="/jobs/{job_id}/table?part=table&amp;q=%3Ci%3E&amp;sort=1">value</a>' in markup
    assert 'aria-sort="descending"' in markup


@pytest.mark.parametrize(
    "query", ["page=x", "sort=-1", "sort=1e3", f"q={'a' * 300}", "page=9999999999", "page=1&page=2"]
)
def test_a_wrong_address_is_refused(client, submit, run_worker, query):
    job_id = submit("parts", {})
    run_worker()

    assert client.get(f"/jobs/{job_id}/table?part=table&{query}").status_code == 422


def test_a_job_without_a_result_has_no_table(client, submit):
    assert client.get(f"/jobs/{submit()}/table").status_code in (404, 409)
    assert client.get("/jobs/unknown/table").status_code == 404


TABLE = WholeTable({"columns": ["name", "value"], "rows": [["b", 2], ["Ä", None], ["a", 10], ["c", "x"], ["d"]]})


def names(**choice) -> list[str]:
    return [row[0] for row in TABLE.page(Choice(**choice)).view.rows]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, "bÄacd"),
        ({"sort": 0}, "abcdÄ"),
        ({"sort": 1}, "bacÄd"),  # numbers, texts, and at the end no value
        ({"sort": 1, "is_down": True}, "cabÄd"),
        ({"sort": 7}, "bÄacd"),
        ({"text": "ä"}, "Ä"),
        ({"text": "1"}, "a"),
        ({"text": "null"}, ""),
        ({"text": "n"}, ""),
        ({"text": "["}, ""),
        ({"text": "a\n10"}, ""),
        ({"page": 5}, "bÄacd"),
    ],
)
def test_rows_are_filtered_and_sorted(choice, expected):
    assert names(**choice) == [*expected]


def test_quotes_and_what_json_escapes_are_found_as_they_are():
    table = WholeTable({"columns": ["text"], "rows": [['say "no"'], ["a\\b"], ["ü"], [["x", None]]]})

    for text in ('"no"', "a\\b", "Ü", "X"):
        assert table.page(Choice(text)).match_count == 1, text
    assert table.page(Choice("null")).match_count == 0


def test_a_table_without_rows_or_columns_is_a_page_too():
    for table in ({"columns": [], "rows": []}, {"columns": ["a"], "rows": []}, {"columns": [], "rows": [[], []]}):
        shown = WholeTable(table).page(Choice())
        assert (shown.page, shown.page_count) == (1, 1)
