"""Numbers as spreadsheets write them, missing words and codes, and what the summary says about them."""

from __future__ import annotations

import pytest

from tasks._forest.columns import MISSING, PANDAS_MISSING, to_number
from tasks._forest.dataset import load_dataset
from tasks._forest.layout import TableError
from tasks._forest.report import describe_reading


@pytest.fixture
def load(tmp_path):
    def load(content: str, target: str = "y", kind: str = "auto"):
        path = tmp_path / "table.csv"
        path.write_text(content)
        return load_dataset(path, target, kind)

    return load


@pytest.mark.parametrize(
    ("text", "mark", "number"),
    [
        ("12", ".", 12),
        ("-1.5e3", ".", -1500),
        (".5", ".", 0.5),
        ("1,234", ".", 1234),
        ("1,234,567.8", ".", 1234567.8),
        ("1,234", ",", 1.234),
        ("1.234,5", ",", 1234.5),
        ("1 234 567", ".", 1234567),
        ("1\u00a0234,5", ",", 1234.5),
        ("1\u202f234", ".", 1234),
        ("1'234.50", ".", 1234.5),
        ("1’234", ".", 1234),
        ("12 %", ".", 12),
        ("€ 5", ".", 5),
        ("5,50 €", ",", 5.5),
        ("-$1,234.00", ".", -1234),
        ("CHF 1'000", ".", 1000),
        ("−5", ".", -5),
        ("(1,234)", ".", -1234),
        (" 7 ", ".", 7),
        ("0.123", ",", 0.123),
    ],
)
def test_a_number_is_read(text, mark, number):
    assert to_number(text, mark) == number


@pytest.mark.parametrize(
    "text", ["", "abc", "1,5", "12,34", "1.2.3", "2024-01-05", "1 2", "1,2345", "0x1f", "1_000", "5 apples"]
)
def test_other_texts_are_no_numbers_with_a_point(text):
    assert to_number(text, ".") != to_number(text, ".")


@pytest.mark.slow
def test_what_pandas_drops_is_missing():
    from pandas._libs.parsers import STR_NA_VALUES

    assert set(PANDAS_MISSING) == STR_NA_VALUES
    assert MISSING > STR_NA_VALUES


def _rows(*values: str, delimiter: str = ",") -> str:
    cells = [f'"{value}"' if delimiter in value else value for value in values]
    lines = [delimiter.join([cells[n % len(cells)], "ab"[n % 2]]) for n in range(40)]
    return "\n".join([f"x{delimiter}y", *lines])


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        (_rows("1,5", "2", delimiter=";"), {1.5, 2}),
        (_rows("1,234", "2,345"), {1234, 2345}),
        (_rows("1,234", "2,345", delimiter=";"), {1.234, 2.345}),
        (_rows("1.234", "2.345", delimiter=";"), {1.234, 2.345}),
        (_rows("1.234", "1.234.567", delimiter=";"), {1234, 1234567}),
        (_rows("1.234", "2.5"), {1.234, 2.5}),
        ("z;" + _rows("1.234", delimiter=";").replace("\n", "\n1,5;"), {1234}),
    ],
)
def test_a_column_of_numbers_has_one_decimal_mark(load, content, numbers):
    column = next(column for column in load(content).columns if column.name == "x")

    assert column.numeric
    assert set(column.numbers.values()) == numbers


@pytest.mark.parametrize(
    "content", [_rows("01", "1", "001"), _rows("5 %", "0.05"), _rows("€ 5", "$ 5"), _rows("A1", "B2"), _rows("1", "x")]
)
def test_codes_and_mixed_units_stay_words(load, content):
    assert not load(content).columns[0].numeric


@pytest.mark.parametrize(
    ("words", "classes", "missing"),
    [
        ("AF AS EU NA SA", {"AF", "AS", "EU", "NA", "SA"}, {}),
        ("yes no NA", {"yes", "no"}, {"NA": 13}),
        ("+ -", {"+", "-"}, {}),
        ("yes no -", {"yes", "no"}, {"-": 13}),
        ("None Mild Severe", {"None", "Mild", "Severe"}, {}),
        ("a b n.a.", {"a", "b"}, {"n.a.": 13}),
        ("01 1 001", {"01", "1", "001"}, {}),
        ("1 1.0 2", {"1", "1.0", "2"}, {}),
        ("0 1 2", {0, 1, 2}, {}),
        ("1.0 2.0", {1, 2}, {}),
        ("True False", {"True", "False"}, {}),
        ("0 1 ?", {0, 1}, {"?": 13}),
    ],
)
def test_classes_are_those_of_the_table(load, words, classes, missing):
    values = words.split()

    table = load("x,y\n" + "".join(f"{n},{values[n % len(values)]}\n" for n in range(39)), kind="classification")

    assert set(table.answers.tolist()) == classes
    assert table.missing == missing


@pytest.mark.parametrize("numbers", ["{n},5", "{n}.234,5", "{n},25 €", "{n},5 %"])
def test_a_target_of_decimal_commas_is_a_number(load, numbers):
    table = load("x;y\n" + "".join(f"{n};{numbers.format(n=n)}\n" for n in range(1, 40)))

    assert table.kind == "regression"
    assert table.answers[0] in (1.5, 1234.5, 1.25)


@pytest.mark.parametrize(
    ("values", "kind", "sentence"),
    [
        ("{n},5 kg", "regression", "has '1,5 kg', which is no number: correct or remove it."),
        ("{n},5", "classification", None),
        ("word", "regression", "has 'word', which is no number: choose classification."),
    ],
)
def test_a_target_is_not_sent_to_and_fro(load, values, kind, sentence):
    content = "x;y\n" + "".join(f"{n};{values.format(n=n)}\n" for n in range(1, 70))

    if sentence is None:
        assert load(content, kind=kind).kind == kind
    else:
        with pytest.raises(TableError) as refused:
            load(content, kind=kind)
        assert sentence in str(refused.value)


def test_the_summary_says_what_was_assumed(load):
    rows = "".join(
        f"{'n.a.' if n == 3 else f'{n},5'};{'-' if n % 9 == 0 else 'ab'[n % 2]};;{n % 2}\n" for n in range(40)
    )

    told = describe_reading(load("price\u00a0EUR;size;empty;y\n" + rows), {"size": (2, 32)})

    assert told == (
        "Read as a table with semicolons, UTF-8, decimal comma. Numbers: price EUR. Words: size. "
        "Read as missing: price EUR (n.a.: 1), size (-: 5). "
        "In size, 2 of 32 words are rare and share one category. Without values, left out: empty."
    )


def test_the_summary_names_units_that_differ(load):
    assert "x is read as words, because its units differ ($, €)." in describe_reading(load(_rows("€ 5", "$ 5")), {})


def test_the_summary_names_values_that_make_words_of_numbers(load):
    table = load("x,y\n" + "".join(f"{f'{n} cm' if n % 4 == 0 else n},{'ab'[n % 2]}\n" for n in range(1, 40)))

    assert "x is read as words, because of values such as '4 cm', '8 cm'" in describe_reading(table, {})
