"""`make capacity`: the model adds up, and simulated workers are work for Redis as real ones are."""

from __future__ import annotations

import pytest

from bench.capacity import Capacity, measured_costs
from bench.capacity_model import Costs, Load, predict
from bench.capacity_report import Point, as_markdown, prediction_text
from bench.redis_server import RedisServer

COSTS = Costs(
    submit=100,
    submit_in_batch=10,
    run=100,
    event=20,
    watch=30,
    worker_second=500,
    waiting_bytes=1_000,
    finished_bytes=2_000,
)


def test_the_time_of_redis_is_the_sum_of_the_steps():
    found = predict(COSTS, Load(100, job_seconds=2, events_per_job=20, watching_web_processes=2))

    per_job = 100 + 100 + 20 * (20 + 2 * 30) + 2 * 500
    assert found.redis_share == pytest.approx(100 * per_job / 1e6)
    assert found.workers == 200
    assert found.most_jobs_per_second == pytest.approx(0.7e6 / per_job)
    assert not found.has_to_split


def test_batches_cost_less_and_workers_that_are_given_cost_the_same_without_jobs():
    assert predict(COSTS, Load(1_000, batch=True)).redis_share == pytest.approx(0.11)
    assert predict(COSTS, Load(0, workers=200)).redis_share == pytest.approx(0.1)


def test_memory_is_what_finishes_within_the_days_that_results_are_kept_and_what_waits():
    found = predict(COSTS, Load(1, keep_days=2, result_bytes=500, waiting=1_000))

    assert found.memory_bytes == 2 * 86_400 * 2_500 + 1_000 * 1_000


def test_a_load_that_is_too_much_is_told(tmp_path):
    page = tmp_path / "capacity.md"
    page.write_text(as_markdown(COSTS, [Point("short jobs", 100, 0.5, 0.6)], "9.0"))

    assert "| short jobs | 100 | 50.0% | 60.0% | +20% |" in page.read_text()
    assert "too much for one desk" in prediction_text(measured_costs(page), Load(5_000))
    assert "too much" not in prediction_text(COSTS, Load(50))


def test_without_costs_the_remedy_is_named(tmp_path):
    with pytest.raises(SystemExit, match="make capacity"):
        measured_costs(tmp_path / "missing.md")


@pytest.mark.slow
def test_a_small_measurement_finds_a_cost_for_each_step(tmp_path):
    with RedisServer(tmp_path) as server:
        costs = Capacity(server, tmp_path, jobs=200, seconds=0.5).costs()

    assert all(cost > 0 for cost in vars(costs).values())
    assert costs.submit > costs.submit_in_batch
