"""Each slot of a schedule runs once, though the process that fires it is killed again and again.

Three processes tick as the web does without workers, each with the production code. The clock of Redis, which alone
counts, is a key here: it goes from slot to slot through both nights in which the clock changes, and through a new year.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

import pytest
from redis import Redis

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.jobs import Jobs
from taskdesk.jobs.keys import JOBS, SCHEDULES, SCHEDULES_LOCK, schedule_key
from taskdesk.jobs.rq_time import now_text
from taskdesk.jobs.schedules.definition import Definition
from taskdesk.jobs.schedules.schedule import MADE, made_json
from taskdesk.jobs.schedules.store import Schedules, save
from taskdesk.jobs.scripts import Script
from taskdesk.web import ticker
from tests.conftest import wait_until
from tests.faults.catalog import QUEUES
from tests.faults.harness import start_rig
from tests.faults.scale import SEED, size

CLOCK = "test:clock"  # Unix seconds
BERLIN = "Europe/Berlin"
CRONS = {  # name: cron string, and the slots that it has in these nights
    "spring": ("*/20 0-4 28-30 3 *", 15 + 12 + 15),  # 2:00, 2:20 and 2:40 do not exist: their slot is that of 3:00
    "spring-hourly": ("10 * 29 3 *", 23),
    "autumn": ("*/20 0-4 24-26 10 *", 45),
    "autumn-hourly": ("10 * 25 10 *", 25),
    "new-year": ("0 * 31 12 *", 24),
    "new-year-2": ("30 */2 1-4 1 *", 48),
}
BEGIN, END = (int(datetime.fromisoformat(text).timestamp()) for text in ("2026-03-27T00:00Z", "2027-01-10T00:00Z"))


class ShiftedScript(Script):
    """A script whose clock is the key."""

    def __init__(self, script: Script):
        now = f"{{redis.call('GET', '{CLOCK}'), '0'}}"
        self.source = script.source.replace("redis.call('TIME')", now)
        self.sha = "0" * 40  # unknown: each call sends the source


class Process:
    """A process that ticks until it is killed."""

    def __init__(self, settings, url: str):
        self.pid = os.fork()
        if not self.pid:
            with suppress(BaseException):
                ticker.TICK_ALONE = ShiftedScript(ticker.TICK_ALONE)
                own = ticker.Ticker(Desk(settings, Redis.from_url(url)))
                while True:
                    own.tick()
                    time.sleep(0.002)
            os._exit(1)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def timings(redis, registry) -> dict[str, Definition]:
    found = {}
    for name, (cron, _) in CRONS.items():
        one = Definition("echo", cron, BERLIN, overlap="queue", missed="skip", arguments={"text": "a", "times": 1})
        fields = {"definition": one.as_json(), "settled": BEGIN, "made": made_json(MADE, "", now_text(), set())}
        assert save(redis, name, "", one.timing.next(BEGIN), fields)
        found[name] = one
    redis.set(CLOCK, BEGIN)
    return found


@pytest.fixture
def processes(timings, web_settings, redis_url) -> Iterator[list[Process]]:
    pool = [Process(web_settings, redis_url) for _ in range(3)]
    yield pool
    for process in pool:
        process.kill()


def slots_until(one: Definition, end: int) -> Iterator[int]:
    for slot in one.timing.after(BEGIN):
        if slot >= end:
            return
        yield slot


@pytest.mark.slow
def test_each_slot_runs_once_though_whoever_fires_is_killed_at_each(processes, timings, redis, redis_url, web_settings):
    rng = random.Random(SEED)
    jobs, store = Jobs(redis, ("high", "default", "low")), Schedules(redis, None, ())
    ran: Counter[str] = Counter()

    def take() -> None:
        """Count the jobs that are there, and remove them: a slot that ran again would be counted again."""
        ids = [job_id.decode() for job_id in redis.zrange(JOBS, 0, -1)]
        deleted = dict(zip(ids, jobs.delete(*ids), strict=True)) if ids else {}
        ran.update(job_id for job_id, status in deleted.items() if status)

    due = sorted({slot for one in timings.values() for slot in slots_until(one, END)})
    kept = size(40, len(due))
    killed = 0
    for number, slot in enumerate(due):
        redis.set(CLOCK, slot)
        for _ in range(5):  # as if whoever fires were slow: another one begins too
            redis.delete(SCHEDULES_LOCK)
            take()
        if number % max(1, len(due) // kept) == 0:
            time.sleep(rng.uniform(0, 0.006))
            holder = (redis.get(SCHEDULES_LOCK) or b"").decode().rpartition("-")[2]
            victim = next((one for one in processes if str(one.pid) == holder), rng.choice(processes))
            victim.kill()
            killed += 1
            processes[processes.index(victim)] = Process(web_settings, redis_url)
            take()
            redis.delete(SCHEDULES_LOCK)  # it would expire within 5 seconds
        here = [name for name, one in timings.items() if one.timing.next(slot - 1) == slot]
        wait_until(
            lambda here=here, slot=slot: all(int(redis.hget(schedule_key(name), "settled")) >= slot for name in here),
            what=f"the slot {slot} is settled",
        )
        take()

    expected = {store.get(name).job_id(slot) for name, one in timings.items() for slot in slots_until(one, END)}
    assert {name: len(list(slots_until(one, END))) for name, one in timings.items()} == {
        name: count for name, (_, count) in CRONS.items()
    }
    assert killed >= min(kept, 40)
    assert ran == Counter(expected)


@pytest.mark.slow
def test_real_workers_fire_each_slot_though_they_are_killed_and_redis_is_away_over_some():
    with start_rig(SEED) as rig:
        store = Schedules(rig.redis, CatalogReader(rig.redis), QUEUES)
        pool = rig.fleet.start(3)
        rig.until_online(*pool)
        fields = {"task": "effect", "every": "10s", "missed": "all", "overlap": "queue", "arguments": {"seconds": 0}}
        begin = int(store.create(fields, schedule_id="often").settled)

        def until_settled_after(slot: int) -> int:
            wait_until(lambda: int(store.get("often").settled) > slot, seconds=90, what="the next slot is settled")
            return int(store.get("often").settled)

        settled = begin
        for _ in range(size(2, 20)):
            settled = until_settled_after(settled)
            rig.kill(pool.pop(0))
            pool += rig.fleet.start()
        rig.server.freeze()
        time.sleep(25)  # over two slots
        rig.server.thaw()
        settled = until_settled_after(settled + 30)

        slots = store.slots([store.get("often")])[0]
        ran = [slot.slot for slot in slots[::-1] if slot.slot <= settled]
        assert ran == list(range(ran[0], settled + 1, 10))
        assert [slot.skip for slot in slots if slot.skip] == []
        assert ran[0] - begin <= 10 or len(slots) == 30
        assert all(slot.status for slot in slots)
        rig.redis.delete(SCHEDULES)
