"""Train a forest: estimate its cost first, grow it in batches with progress, and cross-validate it."""

import math
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from taskdesk import progress
from tasks._forest.dataset import Dataset
from tasks._forest.features import build_encoder, build_reader
from tasks._forest.layout import TableError

TIMEOUT = 600  # seconds that a job of train_model may run
MAX_MODEL_MB = 200
COMPRESSION = {"compression": 8, "compresslevel": 1}  # deflate; level 6 takes twice as long for a fifth less
_SHARE = 0.9  # of the time; the rest is for reading, the picture and the file
_SECONDS_PER_BATCH = 2.0


class Trainer:
    """Trains and cross-validates a forest on a dataset. Raises TableError if that would take too much time or space."""

    def __init__(self, dataset: Dataset, forest: Any, splits: Sequence[tuple[Any, Any]]) -> None:
        progress(0, 1, "reading the table")
        self.dataset, self.forest, self.splits = dataset, forest, splits
        self.trees = forest.n_estimators
        self.total = self.trees * (len(splits) + 1)
        self.reader = build_reader(dataset.columns, dataset.rows)
        self.rows = self.reader.fit_transform(dataset.rows)
        self.batch = self._estimate()

    def _estimate(self) -> int:
        """Return how many trees to grow at once. Raises TableError if the forest would take too much time or space."""
        from sklearn.base import clone

        inputs = self._encode(slice(None), slice(0, 1))[0]
        started = time.perf_counter()
        tree = clone(self.forest).set_params(n_estimators=1).fit(inputs, self.dataset.answers).estimators_[0].tree_
        seconds = time.perf_counter() - started
        nodes = tree.__getstate__()
        size = len(zlib.compress(nodes["nodes"].tobytes(), 1)) + len(zlib.compress(nodes["values"].tobytes(), 1))
        _refuse(seconds * len(self.splits), self.trees, TIMEOUT * _SHARE, "take about {:.0f} seconds", "{:.0f} seconds")
        _refuse(size / 1e6, self.trees, MAX_MODEL_MB, "make a file of about {:.0f} MB", "{:.0f} MB")
        return max(1, math.ceil(_SECONDS_PER_BATCH / seconds))

    def cross_validate(self, scores: dict[str, Callable[[Any, Any], float]]) -> tuple[Any, dict[str, list[float]]]:
        """Return a prediction for each row by a forest that has not seen it, and the scores by fold."""
        predicted = self.dataset.answers.copy()
        by_fold: dict[str, list[float]] = {name: [] for name in scores}
        for fold, (train, test) in enumerate(self.splits):
            inputs, unseen, _ = self._encode(train, test)
            forest = self._grow(inputs, self.dataset.answers[train], fold, f"fold {fold + 1} of {len(self.splits)}")
            predicted[test] = forest.predict(unseen)
            for name, score in scores.items():
                by_fold[name].append(float(score(self.dataset.answers[test], predicted[test])))
        return predicted, by_fold

    def train(self) -> Any:
        """Return the pipeline, trained on all rows: it reads, encodes and predicts rows as pandas reads them."""
        from sklearn.pipeline import Pipeline

        inputs, _, encoder = self._encode(slice(None), slice(0, 1))
        forest = self._grow(inputs, self.dataset.answers, len(self.splits), "final model, on all rows")
        progress(self.total, self.total, "done")
        return Pipeline([("reader", self.reader), ("encoder", encoder), ("forest", forest)])

    def _encode(self, train: Any, test: Any) -> tuple[Any, Any, Any]:
        """Return the inputs for the rows to train on and to test, and the encoder, which has seen only the former."""
        encoder = build_encoder(self.dataset.columns)
        inputs = encoder.fit_transform(self.rows.iloc[train])
        return inputs.astype("float32"), encoder.transform(self.rows.iloc[test]), encoder

    def _grow(self, inputs: Any, answers: Any, before: int, message: str) -> Any:
        """Return a forest, grown in batches: with warm_start, the trees are those of a single fit."""
        from sklearn.base import clone

        forest = clone(self.forest).set_params(warm_start=True)
        progress(before * self.trees, self.total, message)
        for trees in [*range(self.batch, self.trees, self.batch), self.trees]:
            forest.set_params(n_estimators=trees).fit(inputs, answers)
            progress(before * self.trees + trees, self.total, f"{message}: {trees} of {self.trees} trees")
        return forest.set_params(warm_start=False)


def _refuse(per_tree: float, trees: int, limit: float, estimate: str, unit: str) -> None:
    if per_tree * trees > limit:
        most = max(1, int(limit / per_tree))
        raise TableError(
            f"{trees} trees would {estimate.format(per_tree * trees)}, and the limit is {unit.format(limit)}: "
            f"choose at most {most} trees, or upload fewer rows."
        )
