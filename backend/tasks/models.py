"""Models from uploaded tables."""

from collections import Counter
from collections.abc import Callable
from statistics import fmean
from typing import Annotated, Any, Literal

from pydantic import Field

from taskdesk import Column, CsvFile, File, task
from tasks._forest.charts import draw_confusion, draw_residuals
from tasks._forest.dataset import MAX_CLASSES, Dataset, load_dataset
from tasks._forest.features import importances, rare_words, trusted_types
from tasks._forest.layout import TableError
from tasks._forest.report import describe_reading, explain_use, list_scores, rank_columns
from tasks._forest.training import COMPRESSION, TIMEOUT, Trainer

_SEED = 0  # the same table gives the same model


@task(queue="low", timeout=TIMEOUT)
def train_model(
    data: Annotated[
        CsvFile, Field(description="A table as CSV, as spreadsheets save it: names of columns first, then the rows.")
    ],
    target: Annotated[str, Column("data"), Field(min_length=1, description="The column to predict.")],
    kind: Annotated[
        Literal["auto", "classification", "regression"],
        Field(description="Predict a class or a number? auto: by the target's values."),
    ] = "auto",
    trees: Annotated[int, Field(ge=1, le=2000, description="More trees are slightly better, but slower.")] = 200,
    folds: Annotated[int, Field(ge=2, le=20, description="Number of cross-validation folds.")] = 5,
) -> dict[str, Any]:
    """Train a random forest on a table and score it.

    Numeric and text columns are used, and missing values are filled in. The scores are cross-validated: each
    row is predicted by a forest that has not seen it. You get the scores, a picture, how much each column matters, and
    the model as a file, with the lines of Python that load it and predict other rows. The file runs no code when it is
    loaded. The summary says how the table was read.

    With auto, a target of words, or of whole numbers with at most 20 different values that repeat, is a class; any
    other is a number.
    """
    dataset = load_dataset(data, target, kind)
    return (_classify if dataset.kind == "classification" else _regress)(dataset, trees, folds)


def _classify(dataset: Dataset, trees: int, folds: int) -> dict[str, Any]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
    from sklearn.model_selection import StratifiedKFold

    sizes = Counter(dataset.answers.tolist())
    _check_classes(dataset, sizes)
    used_folds = min(folds, *sizes.values())
    splits = StratifiedKFold(used_folds, shuffle=True, random_state=_SEED).split(dataset.rows, dataset.answers)
    trainer = Trainer(dataset, RandomForestClassifier(n_estimators=trees, random_state=_SEED, n_jobs=1), list(splits))
    predicted, by_fold = trainer.cross_validate(
        {
            "accuracy": accuracy_score,
            "balanced accuracy": balanced_accuracy_score,
            "macro F1": lambda true, guess: f1_score(true, guess, average="macro", zero_division=0),
        }
    )
    counts = f"{len(dataset.rows)} rows, {len(dataset.columns)} columns, {len(sizes)} classes, {used_folds} folds."
    return {
        "accuracy": fmean(by_fold["accuracy"]),
        "rows": len(dataset.rows),
        "classes": len(sizes),
        **_finish(
            trainer,
            counts + _too_many(folds, used_folds),
            by_fold,
            {"confusion_matrix": draw_confusion(dataset.answers, predicted, sorted(sizes), dataset.target.title)},
        ),
    }


def _check_classes(dataset: Dataset, sizes: Counter[Any]) -> None:
    name = dataset.target.title
    if len(sizes) < 2:
        raise TableError(f"The column {name!r} has only one class, {next(iter(sizes))!r}: at least two are needed.")
    if len(sizes) > MAX_CLASSES:
        odd = next(iter(dataset.target.odd), None)
        remedy = "choose regression, or another column" if dataset.target.numeric else "choose another column"
        remedy = f"if it is a column of numbers, correct {odd!r}, which is none" if odd else remedy
        raise TableError(f"The column {name!r} has {len(sizes)} classes, over {MAX_CLASSES}: {remedy}.")
    rarest = min(sizes, key=sizes.__getitem__)
    if sizes[rarest] < 2:
        raise TableError(f"The class {str(rarest)!r} has only one row: each needs two at least.")


def _regress(dataset: Dataset, trees: int, folds: int) -> dict[str, Any]:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
    from sklearn.model_selection import KFold

    used_folds = min(folds, len(dataset.rows) // 2)
    if used_folds < 2:
        raise TableError(f"The table has only {len(dataset.rows)} rows: at least four are needed.")
    splits = KFold(used_folds, shuffle=True, random_state=_SEED).split(dataset.rows)
    trainer = Trainer(dataset, RandomForestRegressor(n_estimators=trees, random_state=_SEED, n_jobs=1), list(splits))
    scores: dict[str, Callable[[Any, Any], float]] = {
        "R²": r2_score,
        "mean absolute error": mean_absolute_error,
        "root mean squared error": root_mean_squared_error,
    }
    predicted, by_fold = trainer.cross_validate(scores)
    counts = f"{len(dataset.rows)} rows, {len(dataset.columns)} columns, {used_folds} folds."
    return {
        "r2": fmean(by_fold["R²"]),
        "mean_absolute_error": fmean(by_fold["mean absolute error"]),
        "rows": len(dataset.rows),
        **_finish(
            trainer,
            counts + _too_many(folds, used_folds),
            by_fold,
            {"residuals": draw_residuals(dataset.answers, predicted, dataset.target.title)},
        ),
    }


def _too_many(folds: int, used_folds: int) -> str:
    return f" {folds} folds were too many for the rows." if used_folds < folds else ""


def _finish(trainer: Trainer, counts: str, by_fold: dict[str, list[float]], picture: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of the result that both kinds of models have."""
    from skops.io import dumps

    model = trainer.train()
    encoder, weights = model.named_steps["encoder"], model.named_steps["forest"].feature_importances_
    return {
        "summary": f"{counts} {describe_reading(trainer.dataset, rare_words(encoder))}",
        "scores": list_scores(by_fold),
        **picture,
        "feature_importances": rank_columns(trainer.dataset, importances(encoder, weights)),
        "use_the_model": explain_use(trainer.dataset, trusted_types(trainer.reader)),
        "model": File("model.skops", dumps(model, **COMPRESSION), "application/octet-stream"),
    }
