"""A parameter that is a column of an uploaded CSV file: its schema, its field, and the check at submit."""

from __future__ import annotations

import io
from typing import Annotated

import pytest
from pydantic import Field

from taskdesk import Column, CsvFile
from taskdesk.jobs.arguments import check
from taskdesk.jobs.artifacts import UploadedFile
from taskdesk.jobs.csv_header import HEAD_BYTES, headers_of
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.web.pages.view.fields import form_fields
from taskdesk.worker.discovery import describe
from tests.conftest import worker_defaults


def train(
    data: CsvFile,
    target: Annotated[str, Column("data"), Field(min_length=1)],
    weight: Annotated[str | None, Column("data")] = None,
):
    """Train."""


@pytest.fixture(scope="module")
def spec():
    return describe("tests.train", train, worker_defaults()).spec


def problems(spec, content: bytes, **values) -> dict[str, str]:
    upload = UploadedFile("flowers.csv", "text/csv", io.BytesIO(content))
    try:
        check(spec, {"target": "species", **values}, {"data": [upload]})
    except InvalidArguments as error:
        return {one.pointer: one.detail for one in error.errors}
    assert upload.content.tell() == 0  # it is stored from its beginning
    return {}


def test_the_schema_names_the_upload_and_the_form_the_field_of_the_file(spec):
    assert spec.column_parameters == {"target": "data", "weight": "data"}
    assert [field.limits.get("data-column-of") for field in form_fields(spec)] == [None, "data", "data"]


@pytest.mark.parametrize(
    "content",
    [
        b"width,species\n1,a\n",
        b"width;species\n1;a\n",
        b"width\tspecies\n",
        b'sep=|\nwidth|"species"\n',
        b"\n\nwidth, species\r\n1, a\r\n",
        "\ufeffgröße,species\n".encode(),
        "größe,species\n".encode("cp1252"),
        "größe,species\n".encode("utf-16"),
        b"species\na\n",
        b"a," * 20_000 + b"species\n",
        b"width,species\n" + b"x" * HEAD_BYTES + "ä".encode(),
    ],
)
def test_a_column_of_the_file_is_accepted_however_it_was_written(spec, content):
    assert problems(spec, content) == {}


def test_another_name_is_refused_with_the_names_that_are_like_it(spec):
    content = b"width,Species,specimen,height\n1,a,b,2\n"

    assert problems(spec, content) == {
        "/target": "flowers.csv has no column 'species'. Similar: Species, specimen.",
    }


def test_where_no_name_is_like_it_the_columns_are_listed(spec):
    names = ",".join(f"c{number}" for number in range(30)).encode()

    [detail] = problems(spec, names + b"\n1\n").values()

    assert detail.startswith("flowers.csv has no column 'species'. Its columns: c0, c1, ")
    assert detail.endswith(", c19 and 10 more.")


def test_each_of_several_columns_is_checked_and_one_that_is_left_out_is_not(spec):
    assert problems(spec, b"a,species\n", weight=None) == {}
    assert problems(spec, b"a,species\n", weight="heavy").keys() == {"/weight"}


@pytest.mark.parametrize("content", [b"PK\x03\x04 a workbook", b'{"a": 1}', b"\0\0", b"x" * (HEAD_BYTES + 1), b"\n\n"])
def test_what_is_no_table_is_left_to_the_task(spec, content):
    assert headers_of(io.BytesIO(content)) == []
    assert problems(spec, content) == {}


@pytest.mark.parametrize("name", ["species.1", "Unnamed: 0"])
def test_the_names_that_pandas_gives_are_columns_too(spec, name):
    assert problems(spec, b",species,species\n1,2,3\n", target=name) == {}


def test_an_empty_name_has_one_error_only(spec):
    assert problems(spec, b"a,b\n", target="") == {"/target": "Must have at least 1 character."}


def test_a_column_of_what_is_no_table_makes_the_task_broken_and_says_so():
    def misspelled(data: CsvFile, target: Annotated[str, Column("date")]):
        """Train."""

    with pytest.raises(ValueError, match="'target' is a Column of 'date', which is no CSV upload: name a parameter of"):
        describe("tests.misspelled", misspelled, worker_defaults())


def test_a_task_with_a_column_can_be_called_as_a_function():
    assert train(data="x.csv", target="a") is None
