"""`make screenshots`: pictures of the pages for the documents. A picture is one line in SHOTS.

It starts a desk of its own, with a model that was trained, one that is being trained, and a job of each state.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from sklearn.datasets import load_breast_cancer

from tests.browser.conftest import OPTIONS, PROGRAMS
from tests.browser.pages import Jobs
from tests.conftest import BACKEND, RedisServer, Stack, wait_until

FOLDER = BACKEND.parent / "docs" / "screenshots"
BOTH = ("light", "dark")
SHOTS = {  # name: path, height, schemes; all are 1280 wide
    "training": ("/jobs/{training}", 860, BOTH),  # first, while it is running
    "result": ("/jobs/{trained}", 1560, BOTH),
    "desk": ("/", 1100, BOTH),
    "task": ("/tasks/train_model", 1100, BOTH[:1]),
    "jobs": ("/jobs", 860, BOTH),
    "queues": ("/queues", 860, BOTH[:1]),
    "workers": ("/workers", 560, BOTH[:1]),
    "docs": ("/docs", 860, BOTH[:1]),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, stack(Path(folder)) as desk, browser() as chromium:
        context = chromium.new_context(base_url=desk.url)
        ids = make_jobs(context)
        FOLDER.mkdir(exist_ok=True)
        for name, (path, height, schemes) in SHOTS.items():
            for scheme in schemes:
                file = FOLDER / f"{name}{'-dark' if scheme == 'dark' else ''}.png"
                file.write_bytes(shoot(chromium, desk.url + path.format(**ids), height, scheme))
                print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


@contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    server = RedisServer(folder)
    server.start()
    desk = Stack(server.url, folder, WORKERS="3")
    desk.start("server")
    desk.start("worker")
    wait_until(lambda: desk.answers("/api/v1/tasks/train_model"))
    yield desk
    desk.stop()
    server.stop()


@contextmanager
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)))
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=OPTIONS.split())


def make_jobs(context: BrowserContext) -> dict[str, str]:
    """Return the ids of the jobs by what they show."""
    table = load_breast_cancer(as_frame=True)
    named = table.frame.assign(diagnosis=table.target_names[table.target]).drop(columns="target")
    file = {"name": "breast_cancer.csv", "mimeType": "text/csv", "buffer": named.to_csv(index=False).encode()}
    inputs = [{"n": n} for n in range(5, 65)]
    context.request.post("/api/v1/tasks/fib/jobs:batch", data={"inputs": inputs})
    ids = Jobs(context.request).ids
    for name, trees, folds in (("trained", 200, 5), ("training", 1000, 10)):
        form: dict[str, Any] = {"data": file, "target": "diagnosis", "trees": str(trees), "folds": str(folds)}
        job = context.request.post("/api/v1/tasks/train_model/jobs?queue=high", multipart=form).json()
        ids[name] = job["id"]
        wait_until(lambda job=job: percent(context, job["links"]["self"]) >= 30, seconds=300)
    wait_until(lambda: percent(context, f"/api/v1/jobs/{ids['trained']}") == 100, seconds=300)
    return ids


def percent(context: BrowserContext, path: str) -> float:
    return float((context.request.get(path).json()["progress"] or {"percent": 0})["percent"])


def shoot(chromium: Browser, url: str, height: int, scheme: Any) -> bytes:
    """Return a screenshot as a PNG of 256 colors, which has a third of the size."""
    page = chromium.new_page(viewport={"width": 1280, "height": height}, color_scheme=scheme, reduced_motion="reduce")
    page.goto(url)
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.close()
    file = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    main()
