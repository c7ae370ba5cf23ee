"""RGB frames drawn from poses."""

import numpy as np
import pytest

from data_builders.signing_sim import corpus, render


@pytest.mark.parametrize("size", [32, 224])
def test_frames_have_the_size_and_type_asked_for(examples, size):
  pose = examples["test"][0][1]["pose"][:3]
  pictures = render.frames(pose, size)
  assert pictures.shape == (3, size, size, 3) and pictures.dtype == np.uint8
  assert render.frames(pose[:0], size).shape == (0, size, size, 3)


def test_the_hand_is_drawn_where_the_wrist_is(examples):
  video, _ = examples["test"][0]
  points, spans = corpus.simulate(video, corpus.SMALL)
  frame = int(spans[0].mean())
  moved = points[frame:frame + 1].copy()
  moved[:, 112:] = 300  # the right hand leaves the picture
  moved[:, 91:112] = 300
  pair = render.frames(np.concatenate([points[frame:frame + 1], moved]), 256).astype(int)
  rows, columns = np.nonzero(np.abs(pair[0] - pair[1]).sum(-1) > 30)
  assert len(rows) > 100
  found = np.stack([columns, rows], -1)
  wrists = points[frame, [9, 10]]
  distance = np.linalg.norm(found[:, None] - wrists, axis=-1).min(1)
  assert distance.max() < 1.2 * video.signer.shoulder


def test_a_dropped_joint_is_drawn_between_its_neighbours(examples):
  points, _ = corpus.simulate(examples["test"][0][0], corpus.SMALL)
  pose = np.concatenate([points, np.ones_like(points[..., :1])], -1)[[10, 10, 10]]
  broken = pose.copy()
  broken[1, 112:, :2] += 60
  broken[1, 112:, 2] = 0.1
  np.testing.assert_array_equal(render.frames(broken, 64)[1], render.frames(pose, 64)[1])


def test_hands_body_and_face_are_told_apart(examples):
  picture = render.frames(examples["test"][0][1]["pose"][:1], 128)[0].reshape(-1, 3)
  assert len(np.unique(picture // 32, axis=0)) >= 8
