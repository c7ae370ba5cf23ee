"""Runs in the released float16 arithmetic: what they begin with, how they resume, what they say."""

import contextlib

import jax
import numpy as np
import pytest

from sign_jax.errors import Stopped
from sign_jax.protocols import ParameterKinds
from sign_jax.train import loop
from sign_jax.train.checkpoint import Checkpoints
from sign_jax.train.step import Trainer
from tests import program
from tests.train import test_loop

one_device, no_curves = test_loop.one_device, test_loop.no_curves  # for this file, too
PUBLISHED = {**test_loop.RATE, "precision": "released_float16"}


class Halves(test_loop.Regression):
  parameter_kinds = ParameterKinds((r"^w$",))
  training_warning = "the rate is low"


def config(**changes):
  return test_loop.config(optim={**PUBLISHED, **changes})


def is_float16(x):
  return np.array_equal(x, np.asarray(x).astype(np.float16).astype(np.float32))


def last(workdir):
  with contextlib.closing(Checkpoints(workdir / "checkpoints")) as checkpoints:
    return checkpoints.restore_last(Trainer(Halves(), config()).target)[0]


def test_a_run_begins_with_rounded_weights_and_resumes_bit_by_bit(tmp_path, monkeypatch, capsys):
  task = Halves()
  drawn = task.init(jax.random.key(5))["params"]["w"]
  begun = Trainer(task, config()).create().params["w"]
  assert not is_float16(drawn)
  np.testing.assert_array_equal(begun, np.asarray(drawn).astype(np.float16).astype(np.float32))
  loop.train(task, config(), tmp_path / "whole")
  capsys.readouterr()
  with monkeypatch.context() as patch, pytest.raises(Stopped):
    program.stop_at(5, patch)
    loop.train(task, config(), tmp_path / "parts")
  assert capsys.readouterr().err.count("warning: the rate is low") == 1
  loop.train(task, config(), tmp_path / "parts")
  assert "warning" not in capsys.readouterr().err  # it is told once
  whole, parts = last(tmp_path / "whole"), last(tmp_path / "parts")
  jax.tree.map(np.testing.assert_array_equal, whole, parts)
  assert int(whole.step) == 12 and is_float16(whole.params["w"])
  assert not np.array_equal(whole.params["w"], begun)
