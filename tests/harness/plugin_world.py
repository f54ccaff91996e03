"""The fixture ``world``: one small world for all tests of a process; each renews it before it begins."""

import pytest

from harness.pythons import PYTHONS
from harness.small_world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    if not {"3.11", "3.12"} <= PYTHONS.keys():
        pytest.skip("needs pyenv's Python 3.11 and 3.12")
    base = tmp_path_factory.mktemp("small")
    (base / "world").mkdir()
    return World(base)
