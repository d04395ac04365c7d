"""The forest is the one of a single fit, and what would not end is refused at once."""

from __future__ import annotations

import pytest

from tasks._forest import training
from tasks._forest.dataset import load_dataset
from tasks._forest.layout import TableError
from tasks._forest.training import Trainer


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x,z,y\n" + "".join(f"{n % 13},{'pqr'[n % 3]},{'ab'[n % 2]}\n" for n in range(60)))
    return load_dataset(path, "y", "auto")


def _trainer(table, trees=7):
    from sklearn.ensemble import RandomForestClassifier

    return Trainer(table, RandomForestClassifier(n_estimators=trees, random_state=0), [(range(30), range(30, 60))])


def test_a_forest_that_grows_in_batches_has_the_trees_of_a_single_fit(table):
    trainer = _trainer(table)
    trainer.batch = 2
    batches = trainer.train()
    trainer.batch = 7
    single = trainer.train()

    assert batches.predict_proba(table.rows).tolist() == single.predict_proba(table.rows).tolist()
    trees = [[tree.tree_.threshold.tolist() for tree in model[-1].estimators_] for model in (batches, single)]
    assert trees[0] == trees[1]
    assert len(trees[0]) == 7


@pytest.mark.parametrize(
    ("limit", "value", "sentence"),
    [
        ("TIMEOUT", 1e-9, r"7 trees would take about \d+ seconds, and the limit is 0 seconds: choose at most 1 tree"),
        (
            "MAX_MODEL_MB",
            1e-6,
            r"7 trees would make a file of about \d+ MB, and the limit is 0 MB: .* upload fewer rows",
        ),
    ],
)
def test_a_forest_over_a_limit_is_refused_before_it_grows(table, monkeypatch, limit, value, sentence):
    monkeypatch.setattr(training, limit, value)

    with pytest.raises(TableError, match=sentence):
        _trainer(table)
