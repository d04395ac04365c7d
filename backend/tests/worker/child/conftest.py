"""Signs of life that the child shows."""

from __future__ import annotations

import pytest


@pytest.fixture
def signs():
    """The patience that each asks for."""
    return []


@pytest.fixture
def show_life(signs):
    return lambda patience=0.0: signs.append(patience)
