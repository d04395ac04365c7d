"""train_model, called as a plain function, with scikit-learn's tables."""

from __future__ import annotations

import pytest

from taskdesk.jobs.task import JobContext, current_job, enter_job
from tasks._forest.dataset import load_dataset
from tasks._forest.layout import TableError
from tasks.models import train_model

QUICK = {"trees": 10, "folds": 3}


@pytest.fixture
def csv_of(tmp_path):
    """Write one of scikit-learn's tables to a CSV file with the column `target`."""
    from sklearn import datasets

    def write(name: str, *, names: bool = False):
        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        frame = bunch.frame.copy()
        if names:
            frame["target"] = [bunch.target_names[n] for n in frame["target"]]
        path = tmp_path / f"{name}.csv"
        frame.to_csv(path, index=False)
        return path

    return write


@pytest.fixture
def table(tmp_path):
    def write(content: str | bytes):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "names"), [pytest.param("breast_cancer", True, marks=pytest.mark.slow), ("wine", False)]
)
def test_a_classifier_is_trained_and_scored(csv_of, name, names):
    result = train_model(csv_of(name, names=names), "target", **QUICK)

    assert result["accuracy"] > 0.9
    assert [row[0] for row in result["scores"].rows] == ["accuracy", "balanced accuracy", "macro F1"]
    assert result["accuracy"] == result["scores"].rows[0][1]  # one number, in both places
    assert result["confusion_matrix"].data.startswith(b"\x89PNG")
    assert sum(weight for _, weight in result["feature_importances"].rows) == pytest.approx(1)


def test_a_regressor_is_trained_and_scored(csv_of):
    result = train_model(csv_of("diabetes"), "target", **QUICK)

    assert result["r2"] > 0.3
    assert result["residuals"].data.startswith(b"\x89PNG")


def test_the_model_file_needs_the_types_that_the_page_names_and_predicts_numbers(csv_of):
    import pandas
    from skops.io import get_untrusted_types, loads

    path = csv_of("wine")
    result = train_model(path, "target", **QUICK)

    content = result["model"].content
    trusted = ["numpy.dtype", "sklearn.tree._tree.Tree"]
    assert get_untrusted_types(data=content) == trusted
    assert f"trusted = {trusted}" in result["use_the_model"].text
    predicted = loads(content, trusted=trusted).predict(pandas.read_csv(path)[:2])
    assert predicted.dtype.kind == "i"
    assert list(predicted) == [0, 0]


def test_words_and_missing_values_are_used(table):
    rows = ["size,color,empty,label"]
    rows += [f"{'' if n % 7 == 0 else n},{'red' if n % 2 else ''},,{'odd' if n % 2 else 'even'}" for n in range(40)]

    result = train_model(table("\n".join([*rows, "1,red,,"])), "label", **QUICK)

    assert result["accuracy"] == 1
    assert "1 rows without a target were left out (empty: 1)." in result["summary"]
    assert result["feature_importances"].rows[0][0] == "color"


@pytest.mark.parametrize(
    ("values", "kind"),
    [("red blue", "accuracy"), ("0 1", "accuracy"), ("1.5 2.5 3.5 4.5 5.5", "r2"), ("True False", "accuracy")],
)
def test_auto_detects_classes_and_numbers(table, values, kind):
    answers = values.split()
    rows = [f"{n},{answers[n % len(answers)]}" for n in range(30)]

    assert kind in train_model(table("\n".join(["x,y", *rows])), "y", **QUICK)


def test_names_may_have_dollars_and_the_word_none(table):
    content = "$x$,$y^$\n" + "".join(f"{n},{'$x^$' if n % 2 else 'none'}\n" for n in range(20))

    assert train_model(table(content), "$y^$", **QUICK)["rows"] == 20


def test_whole_numbers_stay_whole_if_one_is_missing(table):
    content = "x,y\n" + "".join(f"{n},{9 + n % 2}\n" for n in range(20)) + "5,\n"

    loaded = table(content)

    assert sorted(set(load_dataset(loaded, "y", "auto").answers.tolist())) == [9, 10]
    assert train_model(loaded, "y", **QUICK)["classes"] == 2


def test_a_column_that_only_counts_the_rows_is_left_out(table):
    content = ",x,y\n" + "".join(f"{n},{n % 2},{'ab'[n % 2]}\n" for n in range(20))

    importances = train_model(table(content), "y", **QUICK)["feature_importances"]

    assert [column for column, _ in importances.rows] == ["x"]


def test_a_header_in_quotes_is_understood(table):
    content = 'y;"a,b,c"\n' + "".join(f"{'ab'[n % 2]};{n}\n" for n in range(20))

    assert train_model(table(content), "y", **QUICK)["rows"] == 20


def test_semicolons_and_a_byte_order_mark_are_understood(table):
    content = "x;y\n" + "".join(f"{n};{'ab'[n % 2]}\n" for n in range(20))

    assert "accuracy" in train_model(table(b"\xef\xbb\xbf" + content.encode()), "y", **QUICK)


def test_progress_is_reported_for_each_fold(csv_of):
    told = []
    before = current_job()
    enter_job(JobContext(report=lambda current, total, message: told.append((current, total, message))))

    train_model(csv_of("wine"), "target", **QUICK)

    enter_job(before)
    messages = [message for _, _, message in told]
    steps = ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3", "final model, on all rows"]
    assert messages[0] == "reading the table"
    assert [message for message in messages if message in steps] == steps
    assert "fold 1 of 3: 10 of 10 trees" in messages
    assert told[-1] == (40, 40, "done")


TEN = "".join(f"{n},{'ab'[n % 2]}\n" for n in range(10))


@pytest.mark.parametrize(
    ("content", "target", "sentence"),
    [
        ("", "y", "The file is empty."),
        ("x,y\n", "y", "names of columns, but no rows"),
        ("x,y\n" + TEN, "z", "There is no column 'z'. The columns are: x, y."),
        ("x,y\n1,a\n2,a\n3,a\n", "y", "only one class, 'a'"),
        ("x,y\n1,a\n2,a\n3,b\n", "y", "The class 'b' has only one row"),
        ("x,y\n1,a\n2\n", "y", "Line 3 has 1 values, but there are 2 columns."),
        ("x,y\n1,a,5\n", "y", "Line 2 has 3 values"),
        ("x,y,y\n1,2,a\n", "y", "The column 'y' is there twice"),
        ("x,,y\n1,2,a\n", "y", "Column 2 has no name"),
        ('x,y\n1,"a\n', "y", "can't be read"),
        ("y\na\nb\n", "y", "no column besides 'y'"),
        ("x,y\n1,\n2,\n", "y", "The column 'y' has no values."),
        ("x,y\ninf,a\n1,b\n", "y", "The column 'x' has infinite or huge values"),
        ("x,y\n1e39,a\n1,b\n", "y", "infinite or huge values"),
    ],
)
def test_an_unusable_table_is_refused_with_a_sentence(table, content, target, sentence):
    with pytest.raises(TableError) as refused:
        train_model(table(content), target)

    assert sentence in str(refused.value)


def test_a_table_over_the_limit_is_refused(table, monkeypatch):
    monkeypatch.setattr("tasks._forest.layout.MAX_CELLS", 19)

    with pytest.raises(TableError, match="more than 19 cells are too many"):
        train_model(table("x,y\n" + TEN), "y")


def test_a_regression_refuses_a_target_of_words(table):
    with pytest.raises(TableError, match="has 'a', which is no number: choose classification"):
        train_model(table("x,y\n" + TEN), "y", kind="regression")
