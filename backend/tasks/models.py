"""Models from uploaded tables."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from taskdesk import CsvFile, File, Picture, Table, progress, task

MAX_CELLS = 2_000_000
MAX_CLASSES = 50
_CATEGORIES = 30  # of a column of words; rarer words are taken together
_LARGEST = 3e38  # the forest works on 32-bit floats
_MISSING = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"]  # and not "none", which may be a class
_SEED = 0  # the same table gives the same model


class TableError(ValueError):
    """The uploaded table can't be used, and why."""


@task(queue="low", timeout=600)
def train_model(
    data: Annotated[
        CsvFile, Field(description="A table as CSV in UTF-8: names of columns first, then a row per line.")
    ],
    target: Annotated[str, Field(min_length=1, description="The column to predict.")],
    kind: Annotated[
        Literal["auto", "classification", "regression"],
        Field(description="Predict a class or a number? auto: by the target's values."),
    ] = "auto",
    trees: Annotated[int, Field(ge=1, le=2000, description="More trees: a bit better, slower.")] = 200,
    folds: Annotated[int, Field(ge=2, le=20, description="Parts for the cross-validation.")] = 5,
) -> dict[str, Any]:
    """Train a random forest on a table and score it.

    Columns of numbers and of words are used, and missing values are filled in. The scores are cross-validated: each
    row is predicted by a forest that has not seen it. You get the scores, a picture, how much each column matters, and
    the model as a file, which runs no code when it is loaded: `skops.io.load("model.skops", trusted=["numpy.dtype",
    "sklearn.tree._tree.Tree"])`.

    With auto, a target of words, or of whole numbers with at most 20 different values that repeat, is a class; any
    other is a number.
    """
    rows = _read(data)
    table, answers, dropped = _split(rows, target)
    chosen = _kind(answers) if kind == "auto" else kind
    if chosen == "classification":
        return _classify(table, _as_words(answers), trees, folds, target, dropped)
    return _regress(table, _as_numbers(answers, target), trees, folds, target, dropped)


def _read(path: Path) -> Any:
    """The table as a DataFrame of numbers and words. Raises TableError, with the line where there is one."""
    import pandas

    content = path.read_bytes()
    if not content.strip():
        raise TableError("The file is empty.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TableError(f"Line {line} is not UTF-8: save the table as CSV in UTF-8.") from None
    if "\0" in text:
        raise TableError("The file is not a text: save the table as CSV.")
    delimiter = max(",;\t", key=lambda mark: _fit(text, mark))
    header, size = _check_shape(text, delimiter)
    if size * len(header) > MAX_CELLS:
        raise TableError(f"The table has {size:,} rows of {len(header)}: more than {MAX_CELLS:,} cells are too many.")
    table = pandas.read_csv(
        io.StringIO(text), sep=delimiter, skipinitialspace=True, keep_default_na=False, na_values=_MISSING
    )
    return table if header[0] else table.iloc[:, 1:]  # a first column without a name only counts the rows


def _fit(text: str, delimiter: str) -> tuple[bool, int]:
    """How well a delimiter fits the first two lines: do they agree, and on how many columns?"""
    widths = [len(next(csv.reader([line], delimiter=delimiter), [])) for line in text.split("\n", 2)[:2]]
    return widths[0] == widths[-1] > 1, widths[0]


def _check_shape(text: str, delimiter: str) -> tuple[list[str], int]:
    """The names of the columns and the number of rows, each of which has a value per column."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(lines)]
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise TableError(f"The column {twice[0]!r} is there twice: give each column its own name.")
        if not any(header):
            raise TableError("The first line is empty: it has to name the columns.")
        if "" in header[1:]:
            raise TableError(f"Column {header.index('', 1) + 1} has no name: the first line has to name all columns.")
        size = 0
        for row in lines:
            if row and len(row) != len(header):
                raise TableError(f"Line {lines.line_num} has {len(row)} values, but there are {len(header)} columns.")
            size += bool(row)
    except csv.Error as error:
        raise TableError(f"Line {lines.line_num} can't be read: {error}.") from None
    if size == 0:
        raise TableError("The file has names of columns, but no rows.")
    return header, size


def _split(rows: Any, target: str) -> tuple[Any, Any, int]:
    """The columns to learn from, the target's values, and how many rows without one were dropped."""
    import numpy

    rows.columns = [str(name).strip() for name in rows.columns]
    if target not in rows.columns:
        raise TableError(f"There is no column {target!r}. The columns are: {', '.join(rows.columns[:50])}.")
    known = rows[rows[target].notna()]
    if known.empty:
        raise TableError(f"The column {target!r} has no values.")
    table = known.drop(columns=target).dropna(axis="columns", how="all")
    if table.shape[1] == 0:
        raise TableError(f"There is no column besides {target!r} to learn from.")
    numbers = known.select_dtypes("number")
    huge = [name for name in numbers.columns if (numpy.abs(numbers[name].astype(float)) > _LARGEST).any()]
    if huge:
        raise TableError(f"The column {huge[0]!r} has infinite or huge values: remove them.")
    return table, known[target], len(rows) - len(known)


def _kind(answers: Any) -> str:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_bool_dtype(answers) or not is_numeric_dtype(answers):
        return "classification"
    whole = bool((answers % 1 == 0).all())
    distinct = answers.nunique()
    return "classification" if whole and distinct <= min(20, len(answers) / 2) else "regression"


def _as_words(answers: Any) -> Any:
    """The names of the classes. Whole numbers stay whole, though a missing one has made floats of them."""
    if answers.dtype.kind == "f" and (answers % 1 == 0).all():
        answers = answers.astype(int)
    return answers.astype(str).astype(object)


def _as_numbers(answers: Any, target: str) -> Any:
    import pandas

    numbers = pandas.to_numeric(answers, errors="coerce")
    if numbers.isna().any():
        example = answers[numbers.isna()].iloc[0]
        raise TableError(f"The column {target!r} has {str(example)!r}, which is no number: choose classification.")
    if numbers.nunique() < 2:
        raise TableError(f"The column {target!r} has only one value: there is nothing to learn.")
    return numbers.astype(float)


def _classify(table: Any, answers: Any, trees: int, folds: int, target: str, dropped: int) -> dict[str, Any]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
    from sklearn.model_selection import StratifiedKFold

    sizes = answers.value_counts()
    if len(sizes) < 2:
        raise TableError(f"The column {target!r} has only one class, {sizes.index[0]!r}: at least two are needed.")
    if len(sizes) > MAX_CLASSES:
        raise TableError(
            f"The column {target!r} has {len(sizes)} classes, over {MAX_CLASSES}: choose regression, or another."
        )
    if sizes.min() < 2:
        raise TableError(f"The class {sizes.idxmin()!r} has only one row: each needs two at least.")
    used_folds = min(folds, int(sizes.min()))

    forest = RandomForestClassifier(n_estimators=trees, random_state=_SEED, n_jobs=1)
    model = _model(table, forest)
    splits = StratifiedKFold(used_folds, shuffle=True, random_state=_SEED).split(table, answers)
    predicted, by_fold = _cross_validate(
        model,
        table,
        answers,
        list(splits),
        {
            "accuracy": accuracy_score,
            "balanced accuracy": balanced_accuracy_score,
            "macro F1": lambda true, guess: f1_score(true, guess, average="macro", zero_division=0),
        },
    )
    model.fit(table, answers)
    progress(used_folds + 1, used_folds + 1, "done")
    summary = f"{len(table)} rows, {table.shape[1]} columns, {len(sizes)} classes, {used_folds} folds."
    return {
        "accuracy": float(accuracy_score(answers, predicted)),
        "rows": len(table),
        "classes": len(sizes),
        "summary": summary + _notes(dropped, folds, used_folds),
        "scores": _scores(by_fold),
        "confusion_matrix": _draw_confusion(answers, predicted, sorted(sizes.index), target),
        "feature_importances": _importances(model, table),
        "model": _model_file(model),
    }


def _regress(table: Any, answers: Any, trees: int, folds: int, target: str, dropped: int) -> dict[str, Any]:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
    from sklearn.model_selection import KFold

    used_folds = min(folds, len(table) // 2)
    if used_folds < 2:
        raise TableError(f"The table has only {len(table)} rows: at least four are needed.")
    model = _model(table, RandomForestRegressor(n_estimators=trees, random_state=_SEED, n_jobs=1))
    splits = KFold(used_folds, shuffle=True, random_state=_SEED).split(table)
    scores = {
        "R²": r2_score,
        "mean absolute error": mean_absolute_error,
        "root mean squared error": root_mean_squared_error,
    }
    predicted, by_fold = _cross_validate(model, table, answers, list(splits), scores)
    model.fit(table, answers)
    progress(used_folds + 1, used_folds + 1, "done")
    return {
        "r2": float(r2_score(answers, predicted)),
        "mean_absolute_error": float(mean_absolute_error(answers, predicted)),
        "rows": len(table),
        "summary": f"{len(table)} rows, {table.shape[1]} columns, {used_folds} folds."
        + _notes(dropped, folds, used_folds),
        "scores": _scores(by_fold),
        "residuals": _draw_residuals(answers, predicted, target),
        "feature_importances": _importances(model, table),
        "model": _model_file(model),
    }


def _notes(dropped: int, folds: int, used_folds: int) -> str:
    notes = f" {dropped} rows without a target were left out." if dropped else ""
    return notes + (f" {folds} folds were too many for the rows." if used_folds < folds else "")


def _model(table: Any, forest: Any) -> Any:
    """Fill in what is missing, turn words into columns of 0 and 1, then the forest."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    numbers = list(table.select_dtypes("number").columns)
    words = [name for name in table.columns if name not in numbers]
    table[words] = table[words].astype(object).where(table[words].notna(), None)
    for name in words:
        table[name] = table[name].map(lambda value: "(missing)" if value is None else str(value))
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_CATEGORIES, sparse_output=False)
    columns = ColumnTransformer(
        [("numbers", SimpleImputer(strategy="median", keep_empty_features=True), numbers), ("words", encoder, words)],
        verbose_feature_names_out=True,
    )
    return Pipeline([("columns", columns), ("forest", forest)])


def _cross_validate(
    model: Any, table: Any, answers: Any, splits: Sequence[tuple[Any, Any]], scores: dict[str, Any]
) -> tuple[Any, dict[str, list[float]]]:
    """A prediction for each row by a model that did not see it, and each score by fold."""
    predicted = answers.copy()
    by_fold: dict[str, list[float]] = {name: [] for name in scores}
    progress(0, len(splits) + 1, f"fold 1 of {len(splits)}")
    for fold, (train, test) in enumerate(splits, start=1):
        model.fit(table.iloc[train], answers.iloc[train])
        predicted.iloc[test] = model.predict(table.iloc[test])
        for name, score in scores.items():
            by_fold[name].append(float(score(answers.iloc[test], predicted.iloc[test])))
        ahead = f"fold {fold + 1} of {len(splits)}" if fold < len(splits) else "final model, on all rows"
        progress(fold, len(splits) + 1, ahead)
    return predicted, by_fold


def _scores(by_fold: dict[str, list[float]]) -> Table:
    from statistics import fmean, pstdev

    folds = len(next(iter(by_fold.values())))
    columns = ["score", "mean", "deviation", *(f"fold {n}" for n in range(1, folds + 1))]
    return Table(columns, [[name, fmean(values), pstdev(values), *values] for name, values in by_fold.items()])


def _importances(model: Any, table: Any) -> Table:
    """How much each column matters: the forest's mean decrease in impurity, summed over what the column became."""
    transformer = model.named_steps["columns"]
    weights = list(model.named_steps["forest"].feature_importances_)
    sums: dict[str, float] = {}
    for name, encoder, columns in transformer.transformers_:
        widths = _widths(encoder) if name == "words" and len(columns) else [1] * len(columns)
        for column, width in zip(columns, widths, strict=True):
            sums[column] = float(sum(weights[:width]))
            del weights[:width]
    return Table(["column", "importance"], sorted(sums.items(), key=lambda item: -item[1]))


def _widths(encoder: Any) -> list[int]:
    """How many columns of 0 and 1 each column of words became: rare words share one."""
    rare = encoder.infrequent_categories_
    return [
        len(words) - (len(few) - 1 if few is not None else 0)
        for words, few in zip(encoder.categories_, rare, strict=True)
    ]


def _model_file(model: Any) -> File:
    from skops.io import dumps

    return File("model.skops", dumps(model), "application/octet-stream")


def _draw_confusion(answers: Any, predicted: Any, classes: list[str], target: str) -> Picture:
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay

    side = min(4 + 0.45 * len(classes), 16)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    ConfusionMatrixDisplay.from_predictions(
        answers,
        predicted,
        labels=classes,
        ax=axes,
        cmap="Blues",
        colorbar=False,
        xticks_rotation="vertical" if len(classes) > 5 else 0,
    )
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(f"{target}: what it is, and what was predicted", parse_math=False)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)  # a dollar sign in a name is a dollar sign
    return _png(figure)


def _draw_residuals(answers: Any, predicted: Any, target: str) -> Picture:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="#64748b", linewidth=1)
    axes.scatter(predicted, answers - predicted, s=14, alpha=0.5, color="#2563eb", edgecolors="none")
    axes.set(xlabel="predicted", ylabel="true − predicted")
    axes.set_title(f"{target}: how far the predictions are off", parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    return _png(figure)


def _png(figure: Any) -> Picture:
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return Picture(png.getvalue())
