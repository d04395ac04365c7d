"""Models from uploaded tables."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from taskdesk import CsvFile, File, Table, progress, task
from tasks._forest.charts import draw_confusion, draw_residuals
from tasks._forest.table import TableError, as_numbers, as_words, detect_kind, read_table, split_target

MAX_CLASSES = 50
_MAX_CATEGORIES = 30  # of a column of words; rarer words are taken together
_SEED = 0  # the same table gives the same model


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
    rows = read_table(data)
    table, answers, dropped = split_target(rows, target)
    chosen = detect_kind(answers) if kind == "auto" else kind
    if chosen == "classification":
        return _classify(table, as_words(answers), trees, folds, target, dropped)
    return _regress(table, as_numbers(answers, target), trees, folds, target, dropped)


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
        "confusion_matrix": draw_confusion(answers, predicted, sorted(sizes.index), target),
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
        "residuals": draw_residuals(answers, predicted, target),
        "feature_importances": _importances(model, table),
        "model": _model_file(model),
    }


def _notes(dropped: int, folds: int, used_folds: int) -> str:
    notes = f" {dropped} rows without a target were left out." if dropped else ""
    return notes + (f" {folds} folds were too many for the rows." if used_folds < folds else "")


def _model(table: Any, forest: Any) -> Any:
    """Return a model that fills in missing values, turns words into columns of 0 and 1, and has the forest."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    numbers = list(table.select_dtypes("number").columns)
    words = [name for name in table.columns if name not in numbers]
    table[words] = table[words].astype(object).where(table[words].notna(), None)
    for name in words:
        table[name] = table[name].map(lambda value: "(missing)" if value is None else str(value))
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_MAX_CATEGORIES, sparse_output=False)
    columns = ColumnTransformer(
        [("numbers", SimpleImputer(strategy="median", keep_empty_features=True), numbers), ("words", encoder, words)],
        verbose_feature_names_out=True,
    )
    return Pipeline([("columns", columns), ("forest", forest)])


def _cross_validate(
    model: Any, table: Any, answers: Any, splits: Sequence[tuple[Any, Any]], scores: dict[str, Any]
) -> tuple[Any, dict[str, list[float]]]:
    """Return a prediction for each row by a model that has not seen it, and the scores by fold."""
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
    """Return how much each column matters: the mean decrease in impurity, summed over the columns made from it."""
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
    """Return how many columns of 0 and 1 each column of words became; rare words share one."""
    rare = encoder.infrequent_categories_
    return [
        len(words) - (len(few) - 1 if few is not None else 0)
        for words, few in zip(encoder.categories_, rare, strict=True)
    ]


def _model_file(model: Any) -> File:
    from skops.io import dumps

    return File("model.skops", dumps(model), "application/octet-stream")
