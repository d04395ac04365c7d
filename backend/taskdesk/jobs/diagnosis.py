"""What of an RQ installation works with Taskdesk, and what is to be changed: the rules of `taskdesk doctor`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from taskdesk.jobs.keys import WIP
from taskdesk.jobs.stored_call import Serializer
from taskdesk.jobs.survey import SampledJob, Survey
from taskdesk.service.settings import QUEUE_NAME

OLDEST_RQ = (2, 12)
_SHOWN_NAMES = 5
_WORDS = {WIP: "running", "deferred": "waiting for others"}  # for names of registries that say little


@dataclass(frozen=True)
class Finding:
    """A sentence, and the lines that change it; no lines if it works as it is."""

    sentence: str
    works: bool = True
    lines: tuple[str, ...] = ()


def diagnose(found: Survey) -> Iterator[Finding]:
    yield from _queues(found)
    yield from _data(found)
    yield from _functions(found)
    yield from _callbacks(found)
    yield from _workers(found)
    yield from _schedulers(found)


def worker_settings(found: Survey) -> list[str]:
    """Return the lines with which our worker serves these queues and functions."""
    queues = [queue.name for queue in found.queues if re.fullmatch(QUEUE_NAME, queue.name)]
    package = _package(_modules(found.jobs))
    return [f"QUEUES={','.join(queues)}"] * bool(queues) + [f"TASKS={package}"] * bool(package)


def _queues(found: Survey) -> Iterator[Finding]:
    for queue in found.queues:
        sizes = {"queued": queue.waiting, **{_WORDS.get(name, name): size for name, size in queue.registries.items()}}
        jobs = ", ".join(f"{size:,} {word}" for word, size in sizes.items() if size) or "no jobs"
        if re.fullmatch(QUEUE_NAME, queue.name):
            yield Finding(f"Queue {queue.name}: {jobs}.")
        else:
            sentence = f"Queue {queue.name!r} ({jobs}) has a name that our worker can't serve."
            remedy = "# use letters, digits, - and _ (64 at most) for its name, or leave it to `rq worker`"
            yield Finding(sentence, False, (remedy,))
    if found.is_suspended:
        yield Finding("All workers are suspended, and so would be ours.", False, ("rq resume",))


def _data(found: Survey) -> Iterator[Finding]:
    counts = Counter(job.serializer for job in found.jobs)
    for serializer, count in sorted(counts.items()):
        share = f"{count:,} of {len(found.jobs):,} jobs that were looked at"
        if serializer is Serializer.JSON:
            yield Finding(f"JSON: {share}. Our worker runs them if it has their functions.")
            continue
        kind = "a pickle, which we never load" if serializer is Serializer.PICKLE else "neither JSON nor a pickle"
        yield Finding(
            f"{serializer.capitalize()}: the data of {share} are {kind}. Our worker hands them back for"
            " `rq worker`. To let it run new ones, write JSON where jobs are enqueued:",
            False,
            (
                "from rq.serializers import JSONSerializer",
                'queue = Queue("…", connection=redis, serializer=JSONSerializer)',
                "rq worker --serializer json …    # stock workers of the same queue also have to read JSON",
            ),
        )


def _functions(found: Survey) -> Iterator[Finding]:
    modules = _modules(found.jobs)
    package = _package(modules)
    for module, names in sorted(modules.items()):
        shown = ", ".join(sorted(names)[:_SHOWN_NAMES]) + (", …" if len(names) > _SHOWN_NAMES else "")
        if module in ("", "__main__"):
            sentence = f"{shown}: a worker can't import {'a function without a module' if not module else 'a script'}."
            yield Finding(sentence, False, ("# move the function into a module, such as tasks/reports.py",))
        elif package and f"{module}.".startswith(f"{package}."):
            yield Finding(f"Module {module}: {shown}.")
        else:
            sentence = (
                f"Module {module} ({shown}) is outside of TASKS={package}: its jobs are handed back to `rq worker`."
            )
            name = min(names)
            lines = (
                f"TASKS={package},{module}    # if all public functions of {module} may be tasks; if not:",
                f"import {module}    # in the package {package}",
                f"{name} = taskdesk.task()({module}.{name})",
            )
            yield Finding(sentence, False, lines)


def _callbacks(found: Survey) -> Iterator[Finding]:
    package = _package(_modules(found.jobs))
    used = {(kind, path) for job in found.jobs for kind, path in job.callbacks.items()}
    for kind, path in sorted(used):
        if package and path.startswith(f"{package}."):
            yield Finding(f"Callback on_{kind}: {path} is called.")
        else:
            sentence = (
                f"Callback on_{kind}: {path} is not called, because it is no function of the package of the tasks."
            )
            yield Finding(sentence, False, (f"# define it in {package or 'the package'}; its name may begin with _",))
    if any(job.has_webhooks for job in found.jobs):
        yield Finding("Webhooks of jobs are never called.", False, ("# follow GET /api/v1/jobs/ID/events instead",))


def _workers(found: Survey) -> Iterator[Finding]:
    for version, count in sorted(Counter(worker.version for worker in found.workers).items()):
        sentence = f"RQ {version or 'of unknown version'}: {count} {'worker' if count == 1 else 'workers'}"
        if _is_old(version):
            oldest = ".".join(map(str, OLDEST_RQ))
            lines = (f"pip install 'rq>={oldest}'    # where these workers run, and where jobs are enqueued",)
            yield Finding(f"{sentence}. Beside our worker, only RQ {oldest} and later are tested.", False, lines)
        else:
            yield Finding(f"{sentence}. They may go on beside ours.")


def _schedulers(found: Survey) -> Iterator[Finding]:
    served = {queue.name: queue.scheduler for queue in found.queues if queue.scheduler}
    if served:
        yield Finding(
            f"RQ's scheduler serves {', '.join(served)}. Our workers also schedule, and share the work with it."
        )
    if found.has_rq_cron:
        lines = ("rq.cron.Queue = functools.partial(rq.Queue, serializer=JSONSerializer)    # in the cron file",)
        yield Finding("`rq cron` is running. Its jobs are pickles, unless its file says otherwise.", False, lines)
    if found.has_rq_scheduler:
        lines = ('scheduler = Scheduler(queue=Queue("…", connection=redis, serializer=JSONSerializer), …)',)
        yield Finding("The package rq-scheduler enqueues jobs. Keep it running; let it write JSON:", False, lines)


def _modules(jobs: Iterable[SampledJob]) -> dict[str, set[str]]:
    """Return the names of the functions by module."""
    modules: dict[str, set[str]] = {}
    for job in jobs:
        module, _, name = job.function.rpartition(".")
        if name:
            modules.setdefault(module, set()).add(name)
    return modules


def _package(modules: dict[str, set[str]]) -> str:
    """Return the package that has most of the functions, as a value of TASKS; empty if there is none."""
    sizes: Counter[str] = Counter()
    for module, names in modules.items():
        if module not in ("", "__main__"):
            sizes[module.partition(".")[0]] += len(names)
    if not sizes:
        return ""
    top = sizes.most_common(1)[0][0]
    parts = [module.split(".") for module in modules if module.partition(".")[0] == top]
    common = takewhile(lambda names: len({*names}) == 1, zip(*parts, strict=False))
    return ".".join(names[0] for names in common)


def _is_old(version: str) -> bool:
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    return numbers < OLDEST_RQ
