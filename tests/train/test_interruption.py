"""How often several processes ask each other whether to stop."""

import itertools

import jax
import pytest

from sign_jax.train import distributed, interruption
from sign_jax.train.interruption import Interruption


@pytest.fixture
def steps(monkeypatch):
  """due(seconds, n): what the n first steps of so many seconds say, in one of two processes."""
  monkeypatch.setattr(jax, "process_count", lambda: 2)
  monkeypatch.setattr(distributed, "of_first", lambda number: number)

  def due(seconds, number):
    # The clock is read after the first step and after the third.
    clock = itertools.count(100, 2 * seconds)
    monkeypatch.setattr(interruption.time, "perf_counter", lambda: next(clock))
    with Interruption() as asking:
      return [step for step in range(1, number + 1) if asking.due({})]

  return due


@pytest.mark.parametrize(("seconds", "expected"), [
    (100, [3, 4, 5, 6, 7, 8]), (12, [4, 6, 8]), (10, [3, 6]), (0.01, []),
])
def test_processes_ask_each_other_every_half_minute_at_least(steps, seconds, expected):
  assert steps(seconds, 8) == expected


def test_they_ask_as_often_as_process_0_says(steps, monkeypatch):
  monkeypatch.setattr(distributed, "of_first", lambda number: 4)
  assert steps(100, 8) == [4, 8]


def test_answers_count_only_where_all_are_asked(monkeypatch):
  monkeypatch.setattr(jax, "process_count", lambda: 2)
  monkeypatch.setattr(distributed, "any_process", lambda flag: True)
  with Interruption() as asking:
    assert [asking.agreed(False), asking.agreed(True)] == [False, True]


def test_a_process_alone_need_not_ask():
  with Interruption() as asking:
    assert not asking.due({}) and not asking.agreed(True)
    asking.asked = True
    assert asking.agreed(False)
