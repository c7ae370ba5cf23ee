"""The configs with flow: sentences of weather forecasts, some of them out of the ordinary."""

import collections
import dataclasses

import numpy as np
import pytest

from data_builders.signing_sim import camera, continuous, corpus, film, skeleton
from data_builders.signing_sim.rng import Random
from sign_jax.data.frame_sampling import STRIDE

MANY = continuous.Settings(sentences=(300, 40, 40), signers=6, repeated=0.1, single=0.1,
                           infeasible=0.1)  # fmt: skip


@pytest.fixture(scope="module")
def record():
  video = next(v for v in continuous.videos(continuous.TINY)["train"] if not v.is_infeasible)
  return video, continuous.example(video, continuous.TINY)


def test_a_record_holds_pictures_of_motion_beside_the_frames(record):
  _, found = record
  shape = found["num_frames"], continuous.SIZE, continuous.SIZE, 3
  for name in ("frames", "flow"):
    assert found[name].shape == shape and found[name].dtype == np.uint8
  np.testing.assert_array_equal(found["flow"][-1], found["flow"][-2])  # nothing follows the last


def test_flow_shows_where_hands_go(record):
  """Against the true motion of both hands; a still corner has none."""
  video, found = record
  points, _ = corpus.simulate(video, continuous.TINY)
  seen = camera.place(points, Random(continuous.TINY.seed, "camera", video.video_id))
  true, told = [], []
  scale = continuous.SIZE / skeleton.CANVAS
  for frame in range(len(seen) - 1):
    for joint in (9, 10, *range(91, 133, 5)):
      x, y = np.round(seen[frame, joint] * scale).astype(int)
      if 0 <= x < continuous.SIZE and 0 <= y < continuous.SIZE:
        true.append(seen[frame + 1, joint] - seen[frame, joint])
        told.append(found["flow"][frame, y, x, :2].astype(float) - 127.5)
  assert np.corrcoef(np.ravel(true), np.ravel(told))[0, 1] > 0.4
  assert np.abs(found["flow"][:, :3, :3, :2].astype(float) - 127.5).mean() < 3


def test_only_weather_is_told_and_the_other_corpora_stay_as_they_are():
  plain = corpus.Settings(**{field.name: getattr(continuous.TINY, field.name)
                             for field in dataclasses.fields(corpus.Settings)})  # fmt: skip
  for split, videos in continuous.videos(continuous.TINY).items():
    before = [v for v in corpus.videos(plain)[split] if v.sentence.domain == "weather"]
    assert [v.video_id for v in videos] == [v.video_id for v in before]
    assert videos and all(v.sentence.domain == "weather" for v in videos)


def test_some_videos_are_out_of_the_ordinary():
  before = {v.video_id: v for videos in corpus.videos(MANY).values() for v in videos}
  kinds = {split: collections.Counter() for split in continuous.videos(MANY)}
  for split, videos in continuous.videos(MANY).items():
    for video in videos:
      glosses, plain = video.glosses, before[video.video_id].glosses
      kinds[split]["all"] += 1
      kinds[split]["infeasible"] += video.is_infeasible
      if len(glosses) == 1:
        kinds[split]["single"] += 1
        assert glosses[0] in plain and video.sentence.text != before[video.video_id].sentence.text
      elif glosses != plain:
        kinds[split]["repeated"] += 1
        (place,) = [n for n, pair in enumerate(zip(glosses, glosses[1:], strict=False))
                    if pair[0] == pair[1]]  # fmt: skip
        assert glosses[:place] + glosses[place + 1 :] == plain
  train = kinds["train"]
  for kind in ("single", "repeated", "infeasible"):
    assert 0.04 < train[kind] / train["all"] < 0.18
  assert not kinds["validation"]["infeasible"] + kinds["test"]["infeasible"]


def test_ctc_has_no_path_through_an_infeasible_video_and_one_through_all_others(
    monkeypatch,
):
  settings = dataclasses.replace(continuous.TINY, sentences=(120, 8, 8), infeasible=0.3)
  seen = collections.Counter()
  monkeypatch.setattr(film, "frames", lambda points, size: np.zeros((len(points), 12, 12, 3)))
  monkeypatch.setattr(continuous, "_flow", lambda frames: frames)  # drawing takes long
  for video in continuous.videos(settings)["train"][:40]:
    found = continuous.example(video, settings)
    spans = found["gloss_spans"]
    assert len(spans) == len(video.glosses) and (spans[:, 0] <= spans[:, 1]).all()
    assert spans.max() < found["num_frames"] == len(found["pose"]) == len(found["flow"])
    equal = sum(a == b for a, b in zip(video.glosses, video.glosses[1:], strict=False))
    feasible = found["num_frames"] // STRIDE >= len(video.glosses) + equal
    assert feasible != video.is_infeasible
    seen[feasible] += 1
  assert min(seen.values()) > 3


def test_metadata_say_how_flow_was_made_and_which_settings_there_are():
  found = continuous.metadata(continuous.TINY)
  assert found["flow"] == {"method": "DIS", "encoding": "uvm", "range": 12.0, "size": 96}
  assert found["settings"]["domain"] == "weather" and found["settings"]["repeated"] == 0.2
