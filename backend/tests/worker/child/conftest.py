"""Signs of life that the child shows."""

from __future__ import annotations

import pytest


@pytest.fixture
def signs():
    """The extra seconds that each sign asks for."""
    return []


@pytest.fixture
def show_life(signs):
    return lambda extra_seconds=0.0: signs.append(extra_seconds)
