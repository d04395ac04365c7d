"""Pictures by matplotlib."""

import io
import random
import time
from itertools import accumulate
from typing import Annotated

from pydantic import Field

from taskdesk import Picture, progress

_STEPS = 8
_STEP_SECONDS = 0.1  # long enough to see the bar move


def render_plot(
    days: Annotated[int, Field(ge=1, le=3650, description="How many days the line covers.")] = 10,
) -> Picture:
    """Draw a line of made-up values, one for each day.

    The values are a random walk, the same one each time. The job reports its progress on the way.
    """
    for step in range(1, _STEPS + 1):
        time.sleep(_STEP_SECONDS)
        progress(step / 10, 1, "collecting values")
    chance = random.Random(0)
    picture = _draw_line([*accumulate((chance.gauss(0, 1) for _ in range(days - 1)), initial=20.0)])
    progress(1, 1, "drawn")
    return picture


def _draw_line(values: list[float]) -> Picture:
    # A Figure of its own draws by Agg without a display; pyplot would keep every figure for the life of the worker.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    days = range(1, len(values) + 1)
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(days, values, color="#2563eb", linewidth=2, marker="o" if len(values) <= 60 else None, markersize=5)
    axes.fill_between(days, values, min(values), color="#2563eb", alpha=0.08)
    axes.set(title=f"A random walk of {len(values)} days", xlabel="day", ylabel="value")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)

    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return Picture(png.getvalue())
