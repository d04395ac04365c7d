"""Turn rows, as pandas reads them, into numbers for a forest.

Everything is part of the pipeline that is saved, so the file predicts as it was scored. The pipeline is made of
functions of Python, pandas and scikit-learn alone, because a person who loads the file does not have our code.
"""

import re
from collections.abc import Iterable
from functools import partial
from itertools import islice
from operator import methodcaller
from typing import Any

from tasks._forest.columns import Column, number_steps, word_steps

MAX_CATEGORIES = 30  # of a column of words; rarer words are taken together
_TYPES_OF_TREES = ("numpy.dtype", "sklearn.tree._tree.Tree")
_TYPES_OF_TEXTS = ("functools.partial", "operator.methodcaller", "re.sub")


def build_reader(columns: list[Column], rows: Any) -> Any:
    """Return the first step, which learns nothing: it cleans words, and makes numbers of texts."""
    from sklearn.compose import ColumnTransformer

    numbers = [column for column in columns if column.numeric]
    plain = [column.name for column in numbers if rows[column.name].dtype.kind in "iuf"]
    by_mark = {mark: [c.name for c in numbers if c.mark == mark and c.name not in plain] for mark in ".,"}
    parts = [
        ("plain", "passthrough", plain),
        *((f"decimal{mark}", _replace(number_steps(mark), "float64"), names) for mark, names in by_mark.items()),
        ("words", _replace(word_steps(), "object"), [column.name for column in columns if not column.numeric]),
    ]
    reader = ColumnTransformer([part for part in parts if part[2]], verbose_feature_names_out=False)
    return reader.set_output(transform="pandas")


def _replace(steps: list[tuple[str, str]], kind: str) -> Any:
    """Return a transformer that replaces patterns in each cell."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    cells = [str, *(partial(re.sub, pattern, replacement) for pattern, replacement in steps)]
    calls = [*(methodcaller("map", cell) for cell in cells), methodcaller("astype", kind)]
    return make_pipeline(*(FunctionTransformer(call, feature_names_out="one-to-one") for call in calls))


def trusted_types(reader: Any) -> list[str]:
    """Return the names that skops has to be told to load a model with this reader."""
    reads_texts = any(name != "plain" for name, _, _ in reader.transformers)
    return sorted([*_TYPES_OF_TREES, *(_TYPES_OF_TEXTS if reads_texts else ())])


def build_encoder(columns: list[Column]) -> Any:
    """Return the second step: it fills in missing numbers, and turns words into columns of 0 and 1."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    words = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False)
    numbers = SimpleImputer(strategy="median", keep_empty_features=True)
    return ColumnTransformer(
        [
            ("numbers", numbers, [column.name for column in columns if column.numeric]),
            ("words", words, [column.name for column in columns if not column.numeric]),
        ]
    )


def rare_words(encoder: Any) -> dict[str, tuple[int, int]]:
    """Return, for each column with rare words that share a category, their number and the number of all words."""
    one_hot = encoder.named_transformers_["words"]
    if not hasattr(one_hot, "categories_"):
        return {}
    names, words = one_hot.feature_names_in_, one_hot.categories_
    groups = zip(names, words, one_hot.infrequent_categories_, strict=True)
    return {name: (len(rare), len(all_words)) for name, all_words, rare in groups if rare is not None}


def importances(encoder: Any, weights: Iterable[float]) -> dict[str, float]:
    """Return how much each column matters: the mean decrease in impurity, summed over the columns made from it."""
    sums: dict[str, float] = {}
    left = iter(weights)
    for name, transformer, columns in encoder.transformers_:
        widths = _widths(transformer) if name == "words" and len(columns) else [1] * len(columns)
        for column, width in zip(columns, widths, strict=True):
            sums[column] = float(sum(islice(left, width)))
    return sums


def _widths(one_hot: Any) -> list[int]:
    """Return how many columns of 0 and 1 each column of words became; rare words share one."""
    groups = zip(one_hot.categories_, one_hot.infrequent_categories_, strict=True)
    return [len(words) - (len(rare) - 1 if rare is not None else 0) for words, rare in groups]
