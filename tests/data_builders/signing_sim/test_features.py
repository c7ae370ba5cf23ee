"""The feature streams: windows, and what a linear probe finds in them."""

import numpy as np
import pytest

from data_builders.signing_sim import corpus, features, lexicon
from data_builders.signing_sim.rng import Random


def test_windows_end_with_the_video():
  assert features.window_starts(10, 2).tolist() == [0]
  assert features.window_starts(16, 2).tolist() == [0]
  assert features.window_starts(21, 2).tolist() == [0, 2, 4, 5]


def test_one_row_for_every_window(examples):
  for _, record in examples["test"]:
    rows = len(features.window_starts(record["num_frames"], corpus.SMALL.stride))
    for name in features.STREAMS:
      assert record[name].shape == (rows, corpus.SMALL.width)
      assert record[name].dtype == np.float16 and np.isfinite(record[name]).all()


@pytest.mark.parametrize("name", list(features.STREAMS))
def test_without_nuisance_a_stream_is_a_linear_projection_of_motion(videos, monkeypatch, name):
  video = videos["test"][0]
  points, _ = corpus.simulate(video, corpus.SMALL)
  clean = features.Stream(features.STREAMS[name].relative, signer=0, background=0, noise=0)
  monkeypatch.setitem(features.STREAMS, name, clean)
  rows = features.features(points, video.signer, name, 64, 2, 0, Random(0, "x"))
  motion = features.window_motion(points, video.signer, clean,
                                  features.window_starts(len(points), 2))
  signal = features.project(name, motion, 64)
  np.testing.assert_allclose(rows, signal, atol=0.01)
  np.testing.assert_array_equal(features.project(name, 2 * motion, 64), 2 * signal)


def _probe_data(pairs, stream):
  same, inputs, labels = lexicon.lookalikes(), [], []
  for video, record in pairs:
    centres = features.window_starts(record["num_frames"], corpus.SMALL.stride) + 7.5
    for name, span in zip(video.glosses, record["gloss_spans"], strict=True):
      inputs.append(record[stream][np.argmin(np.abs(centres - span.mean()))])
      labels.append(min(name, same.get(name, name)))  # one class for a pair of look-alikes
  return np.array(inputs, np.float64), np.array(labels)


def _probe_accuracy(examples, stream):
  """Ridge regression on class indicators: accuracy on test windows."""
  inputs, labels = _probe_data(examples["train"], stream)
  queries, truth = _probe_data(examples["test"], stream)
  mean, std = inputs.mean(0), inputs.std(0)
  inputs, queries = (np.c_[(x - mean) / std, np.ones(len(x))] for x in (inputs, queries))
  names, targets = np.unique(labels, return_inverse=True)
  gram = inputs.T @ inputs + 20 * np.eye(inputs.shape[1])
  weights = np.linalg.solve(gram, inputs.T @ np.eye(len(names))[targets])
  return np.mean(names[np.argmax(queries @ weights, 1)] == truth)


@pytest.fixture(scope="module")
def accuracy(examples):
  return {stream: _probe_accuracy(examples, stream) for stream in features.STREAMS}


def test_a_linear_probe_reads_glosses_from_the_aware_stream(accuracy):
  assert accuracy["aware"] > 0.7  # chance is below 0.01; a third of the training videos


def test_the_agnostic_stream_is_harder_but_not_useless(accuracy):
  assert 0.4 < accuracy["agnostic"] < accuracy["aware"] - 0.08


def test_signer_and_background_leave_their_mark(examples):
  """Rows of one video are nearer to each other than to rows of other videos of the signer."""
  means = {}
  for video, record in examples["train"]:
    means.setdefault(video.signer.name, []).append(record["agnostic"].astype(np.float64).mean(0))
  within = np.mean([np.var(rows, axis=0).mean() for rows in means.values()])
  between = np.var([np.mean(rows, 0) for rows in means.values()], axis=0).mean()
  assert between > 0.2 * within
