"""Continuous videos read by a small SignVTCL with fresh weights, against its task and its parts."""

import jax
import numpy as np
import pytest
from PIL import Image

from data_builders.signing_sim import continuous
from data_builders.signing_sim import videos as sim_videos
from sign_jax.api import evaluation, sentence_recognition
from sign_jax.data import flow_recipe
from sign_jax.data.gloss_videos import GlossVideos
from sign_jax.errors import UserError
from sign_jax.run import from_weights, settings, task, trained
from sign_jax.systems import registry

DATA = "signing_sim/continuous_tiny"
SMALL = {
    "data.name": DATA, "data.buckets": (64, 120), "data.size": 16, "model.width": 1 / 16,
    "model.dtype": "float32", "model.heatmap_canvas": (16, 16), "model.head.hidden": 8,
    "model.head.feedforward": 8, "model.align.gloss": 0.0, "model.align.sentence": 0.0,
    "eval_batch_size": 2, "model.fusion.stages": 0, "quick_compile": False,
}
NOTE = continuous.metadata(continuous.TINY)["flow"]


def made(sentences_dir, streams):
  """(the task, a model with fresh weights) of some streams."""
  card = registry.get("signvtcl")
  changes = SMALL | {"model.streams": streams, "data.data_dir": str(sentences_dir)}
  config = settings.with_changes(card.config(), changes, "test")
  known = task.make(config)
  target = from_weights.target_of(card, config, known.inputs)
  rng = np.random.default_rng(0)
  draw = lambda x: rng.normal(0, 1 / np.sqrt(np.prod(x.shape[:-1]) or 1), x.shape)
  fresh = {
      "params": jax.tree.map(lambda x: np.float32(draw(x)), target["params"]),
      "batch_stats": jax.tree.map(lambda x: np.ones(x.shape, np.float32), target["batch_stats"]),
  }
  run = trained.Trained(card, config, fresh, {}, known.inputs, None, known.flow_note)
  return known, sentence_recognition.SentenceModel(run, known.class_names)


@pytest.fixture(scope="module")
def model(sentences_dir):
  return made(sentences_dir, "keypoint")


@pytest.fixture(scope="module")
def moving(sentences_dir):
  return made(sentences_dir, "video+flow")


@pytest.fixture(scope="module")
def clips(sentences_dir):
  return GlossVideos(DATA, "test", sentences_dir, fields=("video", "keypoints", "flow"), size=48)


def read(clips, index):
  """The fields of a whole video; keypoints in pixels."""
  found = dict(clips.read(index, np.arange(clips.counts[index])))
  found["keypoints"] = found["keypoints"] * np.float32([48, 48, 1])
  return found


def test_it_reads_what_its_evaluation_reads(moving, clips):
  """Video and flow of the data set, in batches there and alone here."""
  known, model = moving
  assert set(model.fields) == {"video", "flow"} and known.flow_note["range"] == 12.0
  decode = jax.jit(known.decode)
  batch = next(iter(known.reader.eval_batches("test")))
  out = jax.device_get(decode(model._variables, {
      name: x for name, x in batch.items() if name not in ("index", "mask")
  }))  # fmt: skip
  for row, index in enumerate(batch["index"]):
    clip, count = read(clips, index), int(clips.counts[index])
    found = model.recognize(clip["video"], flow=clip["flow"])
    wanted = out["glosses"][row][out["glosses"][row] > 0]
    np.testing.assert_array_equal(found.classes, wanted)
    assert found.glosses == [known.class_names[x] for x in wanted] and found.glosses
    assert found.log_probability == pytest.approx(float(out["log_probability"][row]), rel=1e-4)
    spans = out["spans"][row][: len(wanted)]
    wanted = sentence_recognition.widened(spans.astype(np.int64) * 4 + [0, 3], count)
    np.testing.assert_array_equal(found.frames, wanted)
    np.testing.assert_allclose(found.seconds, (found.frames + [0, 1]) / 25)


def test_flow_is_computed_as_the_data_set_says(moving, clips, tmp_path):
  _, model = moving
  clip = read(clips, 1)
  large = np.repeat(np.repeat(clip["video"], 2, 1), 2, 2)[:24]
  recipe = flow_recipe.of_note(NOTE, 48, "it")
  own = np.stack(list(flow_recipe.pictures(recipe, large, 48)))
  for number, picture in enumerate(own):
    Image.fromarray(picture).save(tmp_path / f"{number:03d}.png")
  found = [model.recognize(large, flow=flow) for flow in (None, own, str(tmp_path))]
  still = model.recognize(large, flow=np.full_like(own, 127))
  for other in found[1:]:
    assert other.log_probability == found[0].log_probability
    assert other.glosses == found[0].glosses
  assert still.log_probability != found[0].log_probability


def test_the_parts_of_a_long_video_say_what_the_whole_says(model, clips, monkeypatch):
  """But for steps near a cut, which see a little less of the video."""
  _, model = model
  points = np.concatenate([read(clips, index)["keypoints"] for index in range(6)])
  video = np.zeros((len(points), 8, 8, 3), np.uint8)
  seen, counts = [], []
  inner, scored = model._read, model._scored
  with monkeypatch.context() as patch:
    patch.setattr(model, "_read", lambda x, s: seen.append(x) or inner(x, s))
    patch.setattr(model, "_scored", lambda x: counts.append(len(x)) or scored(x))
    found = model.recognize(video, keypoints=points / 6)
    own = model._scored([{"keypoints": x} for x in points[:120] / np.float32([48, 48, 1])])
  assert len(points) > 300 and max(counts) == 120 and len(counts) > 3
  (joined,) = seen
  assert joined.shape == (len(points) // 4, len(model.labels))
  np.testing.assert_array_equal(joined[: (120 - 28) // 4], own[: (120 - 28) // 4])
  assert found.frames.max() < len(points) and (np.diff(found.frames[:, 0]) > 0).all()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_few_frames_are_enough(model, clips, tmp_path, count):
  _, model = model
  clip = read(clips, 0)
  sim_videos.write_video(tmp_path / "short.mp4", clip["video"][:count])
  found = model.recognize(tmp_path / "short.mp4", keypoints=clip["keypoints"][:count])
  assert found.frames.shape == found.seconds.shape == (len(found.glosses), 2)
  assert len(found.glosses) <= 1 and (found.frames < count).all()
  assert (found.seconds[:, 0] < found.seconds[:, 1]).all()


def test_mistakes_are_one_sentence(model, moving, clips, tmp_path):
  clip, (_, keyed), (_, model) = read(clips, 0), model, moving
  video, flow, points = (clip[name] for name in ("video", "flow", "keypoints"))
  for call, words in (
      (lambda: model.recognize(video, flow=flow[:-1]), "flow has .* and the video has more"),
      (lambda: model.recognize(video[:-1], flow=flow), "flow has more pictures and the video has"),
      (lambda: model.recognize(video, flow=flow[..., :2]), "flow is an array"),
      (lambda: model.recognize(video, flow=tmp_path / "none"), "--flow: there is no folder"),
      (lambda: model.recognize(video, keypoints=points), "reads no keypoints"),
      (lambda: model.recognize(video[0]), "a clip is an array .T, H, W, 3."),
      (lambda: model.recognize("nothing.mp4"), "nothing.mp4 does not exist"),
      (lambda: keyed.recognize(video), "reads keypoints: pass those of the video"),
      (lambda: keyed.recognize(video, keypoints=points[:-1]), "and the clip has more"),
      (lambda: keyed.recognize(video[:-1], keypoints=points), f"the clip has {len(points) - 1}"),
      (lambda: keyed.recognize(video, keypoints=points[:, :9]), "has the shape"),
      (lambda: keyed.encode_texts(["a"]), "can recognize the glosses of a video"),
  ):  # fmt: skip
    with pytest.raises(UserError, match=words):
      call()


def test_glosses_are_widened_up_to_their_neighbours():
  widen = lambda spans, count: sentence_recognition.widened(np.array(spans), count).tolist()
  assert widen([[4, 7], [16, 19], [20, 23]], 60) == [[0, 11], [12, 19], [20, 35]]
  assert widen([[40, 43], [49, 52]], 56) == [[28, 45], [46, 55]]
  assert widen([[0, 2]], 3) == [[0, 2]]
  assert widen(np.zeros((0, 2), int), 3) == []


def test_classes_that_no_gloss_has_are_left_out(model):
  _, model = model
  count = len(model.labels)
  scores = np.full((6, count), -20.0, np.float32)
  for step, number in enumerate([0, 3, 0, 5, 5, 0]):
    scores[step, number] = 0.0
  found = model._read(scores, np.arange(24) / 25)
  assert found.classes.tolist() == [3, 5] and found.frames.tolist() == [[0, 9], [10, 23]]
  labels = list(model.labels)
  labels[3] = ""
  other = sentence_recognition.SentenceModel(model.trained, labels)
  assert other._read(scores, np.arange(24) / 25).classes.tolist() == [5]


def test_classes_in_the_order_of_a_file(model, sentences_dir, tmp_path):
  """As released ones are; a model is measured only where its classes are the data set's."""
  known, model = model
  path = tmp_path / "glosses.txt"
  names = ["<si>", "<unk>", *(x.lower() for x in reversed(known.vocabulary.glosses))]
  path.write_text("\n".join(names))
  changes = {"init.glosses": str(path), "model.num_classes": 0}
  config = settings.with_changes(model.config, changes, "test")
  other = task.make(config)
  assert other.vocabulary.glosses == ("<unk>", *reversed(known.vocabulary.glosses))
  assert other.inputs["classes"] == known.inputs["classes"] + 1
  run = model.trained.replace(workdir=tmp_path)
  foreign = sentence_recognition.SentenceModel(run, model.labels[::-1])
  with pytest.raises(UserError, match="has other classes than the glosses of signing_sim/cont"):
    evaluation.evaluate(foreign, "test")
