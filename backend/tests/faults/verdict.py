"""The verdict compares what is promised with three witnesses: the ledger (what was accepted), the effects file (what
ran) and Redis (what the product says). As in Jepsen's total-queue checker, what is unknown stays unknown.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from taskdesk.jobs.events import read
from taskdesk.jobs.keys import results_key
from taskdesk.jobs.status import FINAL
from taskdesk.service.errors import AppError
from tests.faults import reconciler
from tests.faults.effects import Effect
from tests.faults.endings import GONE
from tests.faults.ledger import ACCEPTED, FORGOTTEN, UNKNOWN, Entry
from tests.faults.reconciler import Snapshot
from tests.faults.report import Report

if TYPE_CHECKING:
    from tests.faults.harness import Rig

BYTES_PER_JOB = 30_000
AT_MOST_ONCE = ("effect_once",)


def due(entry: Entry, parent_status: str) -> str:
    """Return the status that a job must have in the end, given the status of the job that it waits for.

    `allow_failure` of RQ means a failure only: a job that waits for a stopped or canceled one waits for ever.
    """
    never_met = ("stopped", "canceled") if entry.ending.allows_failure else ("failed", "stopped", "canceled")
    return "deferred" if entry.ending.needs and parent_status in never_met else entry.ending.becomes


class Verdict:
    def __init__(self, rig: Rig, name: str):
        self.report = Report(name)
        self._rig = rig
        self._snapshot = Snapshot(rig.redis)
        accepted, unknown = rig.ledger.entries(ACCEPTED), rig.ledger.entries(UNKNOWN, FORGOTTEN)
        self._known = {**accepted, **unknown}
        self._forgotten = rig.ledger.entries(FORGOTTEN).keys()
        self._there = [*accepted, *(job_id for job_id in unknown if job_id in self._snapshot.jobs)]
        self._effects = rig.effects.all()
        self._begun, self._ended = rig.effects.counts("begin"), rig.effects.counts("end")
        self.report.counts.update(accepted=len(accepted), unknown=len(unknown))

    def judge(self, *, once: bool, succeed: bool) -> Report:
        self._judge_states()
        self._judge_effects(once)
        self._judge_order()
        self._judge_results()
        self._judge_recovery()
        self._judge_bounds()
        if succeed:
            failed = self.report.counts["failed"]
            self.report.expect(not failed, f"{failed} jobs failed")
        self.report.problems += [f"I6: {sentence}" for sentence in self._snapshot.astray()]
        return self.report

    def _status(self, job_id: str) -> str:
        return self._snapshot.jobs.get(job_id, GONE)

    def _judge_states(self) -> None:
        """I1, I2, I5: each job has one final status. One without is stuck if something holds it, else lost."""
        report = self.report
        for job_id in self._there:
            entry, status = self._known[job_id], self._status(job_id)
            meant = due(entry, self._status(entry.parent))
            if status == meant:
                report.counts["failed as it should" if status == "failed" else status] += 1
            elif status not in reconciler.FINAL:
                held = self._snapshot.held(job_id)
                report.counts["stuck" if held else "lost"] += 1
                sentence = f"{'I5: stuck' if held else 'I1: lost'}: job {job_id} is {status}, in {held}"
                waits = f"; it waits for {entry.parent}, which is {self._status(entry.parent)}" if entry.parent else ""
                report.problems.append(sentence + waits)
            else:
                report.counts[status] += 1
                report.expect(status != "finished", f"I1: job {job_id} has succeeded, and was to be {meant}")
            if not entry.ending.repeats:  # each repetition has an end of its own
                told = {e.data["status"] for e in read(self._rig.redis, job_id) if e.type == "state"} & FINAL
                report.expect(len(told) <= 1, f"I2: job {job_id} had the events of {sorted(told)}")

    def _judge_effects(self, once: bool) -> None:
        """I3, I4: what succeeded has run to its end, what never started has not, and all that ran was submitted."""
        report = self.report
        for job_id in self._begun.keys() - self._forgotten:
            entry = self._known.get(job_id)
            is_there = entry is not None and (job_id in self._snapshot.jobs or entry.ending.becomes == GONE)
            report.expect(is_there, f"I4: {job_id} ran, and there is no such job")
        for job_id in self._known.keys() - self._forgotten:
            ending, status, begun = self._known[job_id].ending, self._status(job_id), self._begun.get(job_id, 0)
            ends = 1 + ending.repeats
            report.counts["duplicate"] += self._ended.get(job_id, 0) > ends
            if begun > ending.runs and (once or self._known[job_id].task in AT_MOST_ONCE):
                report.problems.append(f"I3: job {job_id} began {begun} times, and not {ending.runs}")
            has_succeeded = status == "finished" or (status == GONE and job_id in self._there)
            if has_succeeded and self._ended.get(job_id, 0) < ends:
                report.problems.append(f"I3: job {job_id} succeeded, and ran to its end {self._ended[job_id]} times")
            if status == "canceled" and begun and not self._rig.jobs.get(job_id).started_at:
                report.problems.append(f"I3: job {job_id} was canceled before its start, and ran")
            if status == "deferred" and begun:
                report.problems.append(f"I3: job {job_id} ran, and the job that it waits for has not succeeded")

    def _judge_order(self) -> None:
        """A job that waits for another begins after that one has run: in the order of lines, whatever clocks say."""
        ran: Counter[str] = Counter()
        for effect in self._effects:
            entry = self._known.get(effect.job_id)
            if entry and entry.parent and effect.event == "begin":
                needed = "begin" if entry.ending.allows_failure else "end"
                early = f"job {effect.job_id} began before the {needed} of {entry.parent}, for which it waits"
                # A worker killed as a function begins may have told Redis before the effects file has a line.
                never_wrote = entry.ending.allows_failure and not self._begun.get(entry.parent)
                self.report.expect(never_wrote or ran[f"{entry.parent} {needed}"] > 0, early)
            ran[f"{effect.job_id} {effect.event}"] += 1

    def _judge_results(self) -> None:
        """Each execution has one result, however often it was sent."""
        with self._rig.redis.pipeline(transaction=False) as pipeline:
            for job_id in self._there:
                pipeline.xrange(results_key(job_id))
            results = pipeline.execute()
        for job_id, entries in zip(self._there, results, strict=True):
            executions = [fields.get(b"execution_id", entry) for entry, fields in entries]
            self.report.expect(len(executions) == len(set(executions)), f"job {job_id}: two results of one execution")

    def _judge_recovery(self) -> None:
        begins = [effect for effect in self._effects if effect.event == "begin"]
        for job_id, at, pid in self._interrupted():
            again = [e.at for e in begins if e.job_id == job_id and e.at > at and e.pid != pid]
            with suppress(AppError):
                job = self._rig.jobs.get(job_id)
                if job.is_final and job.ended_at:
                    again.append(job.ended_at.timestamp())
            if again:
                self.report.counts["recovered"] += 1
                self.report.recovery.append(max(0.0, min(again) - at))

    def _interrupted(self) -> list[tuple[str, float, int]]:
        """Return the jobs whose process was killed while they ran: (job id, time of the kill, pid)."""
        victims: list[tuple[str, float, int]] = []
        for at, pids in self._rig.kills:
            last: dict[int, Effect] = {e.pid: e for e in self._effects if e.pid in pids and e.at <= at}
            victims += [(effect.job_id, at, effect.pid) for effect in last.values() if effect.event == "begin"]
        return victims

    def _judge_bounds(self) -> None:
        """I8: memory, connections and temporary folders stay in proportion to the number of jobs and processes."""
        rig, report, jobs = self._rig, self.report, len(self._snapshot.jobs)
        memory = int(rig.redis.info("memory")["used_memory"])
        most = 5_000_000 + rig.history.bytes + jobs * BYTES_PER_JOB
        report.expect(memory < most, f"I8: Redis uses {memory} bytes for {jobs} jobs")
        clients, processes = int(rig.redis.info("clients")["connected_clients"]), len(rig.fleet.living())
        report.expect(clients <= 10 + 8 * processes, f"I8: {clients} connections of {processes} processes")
        killed = sum(len(pids) for _, pids in rig.kills)
        folders = len(list(rig.fleet.temporary.glob("taskdesk-*")))
        report.expect(folders <= killed + processes, f"I8: {folders} temporary folders, {processes} processes live")
