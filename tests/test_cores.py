"""Which core each process that runs tests is kept on."""

import os

import pytest

from tests import cores


@pytest.mark.parametrize(("name", "count", "kept"), [
    ("gw0", "2", [3]), ("gw1", "2", [5]), ("gw2", "3", [3]),  # the third has none of its own
    ("gw0", "1", None),  # the other core would stay idle
    ("", "", None),
])
def test_each_process_has_a_core(monkeypatch, name, count, kept):
  found = []
  monkeypatch.setenv("PYTEST_XDIST_WORKER", name)
  monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", count)
  monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5, 3}, raising=False)
  monkeypatch.setattr(
      os, "sched_setaffinity", lambda process, cores: found.append(cores), raising=False
  )
  cores.keep_to_one()
  assert found == ([] if kept is None else [kept])


def test_systems_without_a_choice_of_cores_are_left_alone(monkeypatch):
  monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
  monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
  monkeypatch.delattr(os, "sched_setaffinity", raising=False)
  cores.keep_to_one()
