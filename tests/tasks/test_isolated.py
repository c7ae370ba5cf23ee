"""Recognition: labelled segments to batches, the task, and runs of the program."""

import hashlib
import json

import jax
import numpy as np
import pytest

from configs import sign_encoder as sign_encoder_config
from sign_jax import export, extract
from sign_jax.data import feature_files, label_table, segment_windows
from sign_jax.data.cache import FeatureCache
from sign_jax.data.label_table import Label
from sign_jax.data.segment_windows import Augmentation, Segments
from sign_jax.errors import UserError
from sign_jax.modules import i3d
from sign_jax.run import task as run_task
from sign_jax.run import trained
from sign_jax.systems.i3d import released_names as table
from sign_jax.train import optim, schedules
from sign_jax.untrusted import csv_table
from sign_jax.video import frames
from sign_jax.video.boxes import Box
from sign_jax.weights import convert, readers, writers
from tests import program
from tests.videos import picture_folder

pytestmark = pytest.mark.usefixtures("quick_compile")

CROP, RESIZED = 28, 32
STILL = Augmentation(scale=0.0, jitter=0.0)


def ramp(count):
  """Frames whose red tells their number."""
  return [np.full((40, 40, 3), (4 * i, 60, 90), np.uint8) for i in range(count)]


def number(frame):
  return round(float(frame[..., 0].mean()) / 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Eight videos of 40 frames, as pictures: the frame's number is the level of red."""
  root = tmp_path_factory.mktemp("videos")
  for name in "abcdefgh":
    picture_folder(root / name, ramp(40))
  return root


def segment(video_name, first, last, label=0):
  return Label(video_name, max(first - 0.5, 0) / 25, (last + 0.5) / 25, label)


def batches(segments, count, **options):
  options = {"batch_size": 2, "seed": 0, "augment": STILL, **options}
  found = segment_windows.train_batches(segments, **options)
  taken = [next(found) for _ in range(count)]
  found.close()
  return taken


def test_windows_are_drawn_inside_the_segment(folder):
  labels = [segment("a", 5, 23, 7), segment("b", 20, 35, 3)]
  segments = Segments(folder, labels, CROP, FeatureCache(2**30))
  starts = {7: set(), 3: set()}
  for batch in batches(segments, 40):
    assert batch["video"].shape == (2, 16, CROP, CROP, 3) and batch["video"].dtype == np.uint8
    assert batch["label"].dtype == np.int32
    for label, window in zip(batch["label"].tolist(), batch["video"], strict=True):
      numbers = [number(frame) for frame in window]
      assert numbers == list(range(numbers[0], numbers[0] + 16))
      starts[label].add(numbers[0])
  assert starts == {7: {5, 6, 7, 8}, 3: {20}}


def test_a_segment_shorter_than_a_window_repeats_its_last_frame(folder):
  segments = Segments(folder, [segment("a", 30, 39)], CROP)
  (batch,) = batches(segments, 1, batch_size=1)
  assert [number(frame) for frame in batch["video"][0]] == [*range(30, 40)] + [39] * 6


def test_a_cache_that_outlives_its_segments_mixes_none_up(folder):
  """The next segments may lie where freed ones did, and then have the same `id`."""
  cache = FeatureCache(2**30)
  for turn in range(20):
    start = 5 * (turn % 3)
    segments = Segments(folder, [segment("a", start, start + 15)], CROP, cache)
    assert [number(frame) for frame in segments.frames(0)] == [*range(start, start + 16)]
    del segments


def test_batches_are_functions_of_seed_and_step(folder):
  labels = [segment(name, 0, 30, i) for i, name in enumerate("abcdefgh")]
  segments = Segments(folder, labels, CROP)
  options = {"batch_size": 4, "augment": Augmentation()}
  whole = batches(segments, 5, **options)
  for name in ("video", "label"):
    resumed = batches(segments, 2, start_step=3, **options)
    np.testing.assert_array_equal(resumed[1][name], whole[4][name])
    halves = [
      batches(segments, 1, start_step=4, shard_index=i, shard_count=2, **options)[0][name]
      for i in (0, 1)
    ]
    np.testing.assert_array_equal(np.concatenate(halves), whole[4][name])
    cached = Segments(folder, labels, CROP, FeatureCache(2**30))
    for _ in range(2):  # the second time from memory
      np.testing.assert_array_equal(batches(cached, 5, **options)[4][name], whole[4][name])
  assert not np.array_equal(batches(segments, 1, **{**options, "seed": 1})[0]["video"],
                            whole[0]["video"])  # fmt: skip
  for first in (0, 2):  # an epoch of two batches shows each segment once
    shown = [x for batch in whole[first : first + 2] for x in batch["label"].tolist()]
    assert sorted(shown) == list(range(8))


def test_worker_processes_give_the_same(folder):
  segments = Segments(folder, [segment(name, 0, 30, i) for i, name in enumerate("abcd")], CROP)
  ours, theirs = (batches(segments, 2, augment=Augmentation(), num_workers=n) for n in (0, 1))
  for a, b in zip(ours, theirs, strict=True):
    np.testing.assert_array_equal(a["video"], b["video"])


def test_evaluation_reads_the_middle_of_each_segment_once(folder):
  labels = [segment("a", 5, 23, 7), segment("b", 20, 35, 3), segment("c", 0, 39, 4)]
  found = list(segment_windows.eval_batches(Segments(folder, labels, CROP), batch_size=2))
  assert [batch["mask"].tolist() for batch in found] == [[True, True], [True, False]]
  assert [batch["label"].tolist() for batch in found] == [[7, 3], [4, 4]]
  starts = [number(window[0]) for batch in found for window in batch["video"]]
  assert starts == [6, 20, 12, 12]
  frame = list(frames.read_frames(folder / "a", (RESIZED, RESIZED)))[6]
  np.testing.assert_array_equal(found[0]["video"][0, 0], frames.center_crop(frame, CROP))


def test_segments_are_cut_to_their_box(tmp_path):
  pictures = np.random.default_rng(0).integers(0, 256, (20, 40, 40, 3), dtype=np.uint8)
  picture_folder(tmp_path / "a", pictures)
  label = segment("a", 2, 19)._replace(box=Box(4, 2, 32, 32))
  found = Segments(tmp_path, [label], CROP).frames(0)
  np.testing.assert_array_equal(found, pictures[2:, 2:34, 4:36])


def test_augmentation_stays_in_its_ranges():
  rng = np.random.default_rng(0)
  # Columns and rows tell where a crop is from; green shows the gain.
  place = np.linspace(0, 250, 64).astype(np.uint8)
  frame = np.stack(np.broadcast_arrays(place[None], place[:, None], np.uint8(100)), -1)
  window = np.broadcast_to(frame, (16, 64, 64, 3))
  spans, offsets, gains = [], [], []
  for _ in range(300):
    out = segment_windows.augmented(window, 56, Augmentation(0.1, 0.0), rng)
    assert out.shape == (16, 56, 56, 3) and out.dtype == np.uint8
    np.testing.assert_array_equal(out[0], out[15])  # one draw for all frames
    columns = out[0, 0, :, 0].astype(float)
    spans.append((columns[-1] - columns[0]) / 250 * 63)
    offsets.append(columns[0] / 250 * 63)
    jittered = segment_windows.augmented(window, 56, Augmentation(0.0, 0.2), rng)
    gains.append(jittered[..., 2].mean() / 100)
  assert 0.9 * 55 - 1.5 <= min(spans) < 51.5 and 59.5 < max(spans) <= 1.1 * 55 + 1.5
  assert min(offsets) < 2 and max(offsets) > 6
  assert 0.795 <= min(gains) < 0.82 and 1.18 < max(gains) <= 1.205
  flips = [
    segment_windows.augmented(window, 64, Augmentation(0, 0, flip), rng)[0, 0, 0, 0] > 125
    for flip in (True, False)
    for _ in range(40)
  ]
  assert 8 < sum(flips[:40]) < 32 and not any(flips[40:])


def test_a_batch_may_have_one_flip_and_one_colour(tmp_path):
  """Columns tell the flip, green the gain; crops stay those of each window."""
  place = np.linspace(0, 250, 40).astype(np.uint8)
  frame = np.stack(np.broadcast_arrays(place[None], np.uint8(100), place[:, None]), -1)
  for name in "abcd":
    picture_folder(tmp_path / name, [frame] * 20)
  labels = [segment(name, 0, 19) for name in "abcd"]
  segments = Segments(tmp_path, labels, CROP, FeatureCache(2**30))

  def draws(per, count=8, **options):
    """Whether it is flipped, gain, and place of the crop, of (batches, windows)."""
    augment = Augmentation(scale=0.1, jitter=0.2, flip=True, per=per)
    found = batches(segments, count, batch_size=4, augment=augment, **options)
    corner = np.stack([batch["video"][:, 0, 0].astype(float) for batch in found])
    red, green, blue = np.moveaxis(corner, -1, 0)
    return red[..., 0] > red[..., -1], green.mean(-1), blue[..., 0]

  shared, gains, crops = draws("batch", 30)
  assert (shared == shared[:, :1]).all() and 8 < shared[:, 0].sum() < 22
  assert (gains == gains[:, :1]).all() and np.ptp(gains[:, 0]) > 20
  assert (crops != crops[:, :1]).any()
  own, gains, _ = draws("window")
  assert (own != own[:, :1]).any() and (gains != gains[:, :1]).any()
  halves = [draws("batch", shard_index=i, shard_count=2)[0] for i in (0, 1)]
  np.testing.assert_array_equal(np.concatenate(halves, axis=1), shared[:8])


def test_a_damaged_video_is_named(folder, tmp_path):
  picture_folder(tmp_path / "a", ramp(20))
  (tmp_path / "a/images0003.png").write_bytes(b"broken")
  with pytest.raises(UserError, match="images0003.png is no picture"):
    batches(Segments(tmp_path, [segment("a", 0, 19)], CROP), 1, batch_size=1)


@pytest.mark.parametrize(
  ("row", "words"),
  [
    ("a,0,1,x", "the label 'x' is no class"),
    ("a,2,1,0", "from 2.0 to 1.0"),
    ("a,nan,1,0", "start is 'nan', write seconds"),
    ("a,0,inf,0", "end is 'inf', write seconds"),
    ("a,0,1,-1", "the label '-1' is no class"),
    ("a,0,1,99999999", "is no class"),
    ("../a,0,1,0", "no path inside"),
  ],
)
def test_a_wrong_label_is_named(tmp_path, row, words):
  path = tmp_path / "labels.csv"
  path.write_text(f"video,start,end,label\nb,0,1,0\n{row}\n")
  with pytest.raises(UserError, match=words) as error:
    label_table.read(path)
  assert "labels.csv, line 3" in str(error.value)


def test_splits_of_labels(tmp_path):
  path = tmp_path / "labels.csv"
  path.write_text("video,start,end,label,split\na,0,1,0,train\nb,0,1,0,dev\nc,0,1,0,test\n")
  assert {s: [x.video for x in v] for s, v in label_table.read(path).items()} == {
    "train": ["a"], "validation": ["b"], "test": ["c"],
  }  # fmt: skip
  path.write_text("video,start,end,label,split\na,0,1,0,tset\n")
  with pytest.raises(UserError, match="unknown split 'tset' .did you mean 'test'"):
    label_table.read(path)
  labels = [Label(f"{i}.mp4", j, j + 1, 0) for i in range(300) for j in range(2)]
  label_table.write(path, labels)
  splits = label_table.read(path)
  videos = {split: {x.video for x in members} for split, members in splits.items()}
  assert 15 < len(videos["validation"]) < 50 and not videos["test"]
  assert not videos["train"] & videos["validation"]
  assert len(splits["train"]) + len(splits["validation"]) == 600
  path.write_text("video,start,end,label\n")
  with pytest.raises(UserError, match="no rows"):
    label_table.read(path)


TINY = {
  "data.size": CROP, "model.width": 1 / 32, "batch_size": 4, "eval_batch_size": 4, "steps": 4,
  "epochs": 0, "eval_every": 2, "log_every": 1, "model.dtype": "float32",
}  # fmt: skip


def make_config(folder, **settings):
  config = sign_encoder_config.get_config()
  config.update_from_flattened_dict({**TINY, "data.videos": str(folder), **settings})
  return config


def make_labels(classes=3):
  labels = [segment(name, 3 * i, 3 * i + 18, i % classes) for i, name in enumerate("abcdefgh")]
  return {"train": labels[:6], "validation": labels[6:], "test": []}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
  """A file of an I3D for three classes, and its variables."""
  pytest.importorskip("torch")
  rng = np.random.default_rng(5)
  shapes = i3d.init_shapes(i3d.I3D(3, width=1 / 32))
  variables = jax.tree.map(lambda x: rng.uniform(0.1, 1, x.shape).astype(np.float32), shapes)
  path = tmp_path_factory.mktemp("weights") / "i3d.safetensors"
  writers.write(path, convert.export(variables, table.NAMES))
  return path, variables


def fresh(task):
  shapes = jax.eval_shape(task.init, jax.random.key(0))
  return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)


def test_labels_without_boxes_are_the_data_that_they_were_before_there_were_any(folder):
  """So that runs of earlier versions go on."""
  rows = [["a", 0.0, 0.78, 0, 1.0, ""], ["b", 0.18, 0.98, 1, 1.0, ""]]
  splits = {"test": [], "train": rows, "validation": []}
  earlier = hashlib.sha256(json.dumps(splits, sort_keys=True).encode()).hexdigest()
  labels = {split: [Label(*row) for row in members] for split, members in splits.items()}
  assert run_task.make(make_config(folder), labels).fingerprint == earlier
  labels["train"][0] = labels["train"][0]._replace(box=Box(4, 2, 32, 32))
  assert run_task.make(make_config(folder), labels).fingerprint != earlier


def test_init_is_hes(folder):
  model = i3d.I3D(3, width=0.25)
  variables = jax.jit(lambda key: i3d.init(model, key))(jax.random.key(0))
  assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, i3d.init_shapes(model))
  for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
    if path[-1].key == "kernel":
      expected = np.sqrt(2 / np.prod(leaf.shape[:-1]))
      assert np.std(leaf) == pytest.approx(expected, rel=0.3)
    else:
      assert np.all(leaf == (path[-1].key in ("scale", "var")))


def test_the_files_weights_are_taken(folder, weights):
  path, variables = weights
  task = run_task.make(make_config(folder, **{"init.i3d": str(path)}), make_labels())
  jax.tree.map(np.testing.assert_array_equal, task.load(fresh(task)), variables)


def test_a_fresh_classifier_keeps_only_itself(folder, weights):
  path, variables = weights
  config = make_config(folder, **{"init.i3d": str(path), "init.classifier": "fresh"})
  task = run_task.make(config, make_labels(classes=5))
  before = jax.tree.map(lambda x: x + 7, fresh(task))
  loaded = task.load(before)
  assert loaded["params"]["logits"]["conv3d"]["kernel"].shape[-1] == 5
  jax.tree.map(np.testing.assert_array_equal, loaded["params"].pop("logits"),
               before["params"]["logits"])  # fmt: skip
  rest = {**variables, "params": dict(variables["params"])}
  del rest["params"]["logits"]
  jax.tree.map(np.testing.assert_array_equal, loaded, rest)


def test_classes_that_do_not_fit_are_refused(folder, weights):
  config = make_config(folder, **{"init.i3d": str(weights[0])})
  with pytest.raises(UserError, match="labels up to 4.*only 3.*classifier=fresh"):
    run_task.make(config, make_labels(classes=5))
  config.init.classifier = "new"
  with pytest.raises(UserError, match="init.classifier='new' is not one of file, fresh"):
    run_task.make(config, make_labels())


def test_weights_of_another_size_are_listed(folder, weights):
  config = make_config(folder, **{"init.i3d": str(weights[0]), "model.width": 1 / 16})
  task = run_task.make(config, make_labels())
  with pytest.raises(UserError, match=r"i3d.safetensors: .* misshaped \(Conv3d_1a_7x7"):
    task.load(fresh(task))


def test_what_is_missing_is_asked_for(folder):
  with pytest.raises(UserError, match="--config.data.labels is missing"):
    run_task.make(make_config(folder))
  with pytest.raises(UserError, match="--config.data.videos is missing"):
    run_task.make(make_config(""), make_labels())
  labels = make_labels()
  with pytest.raises(UserError, match="no labels for validation"):
    run_task.make(make_config(folder), {**labels, "validation": []}).steps_per_epoch  # noqa: B018
  with pytest.raises(UserError, match="batch_size 7 exceeds the 6 training segments"):
    run_task.make(make_config(folder, batch_size=7), labels).steps_per_epoch  # noqa: B018


def arguments(workdir, folder, labels, **settings):
  settings = {**TINY, "data.videos": folder, "data.labels": labels, **settings}
  return [
    "--config=configs/sign_encoder.py:video_folder", f"--workdir={workdir}",
    *(f"--config.{key}={value}" for key, value in settings.items()),
  ]  # fmt: skip


def test_a_task_goes_on_with_the_batches_of_that_step(folder):
  # With those and the state of the step before, a run that was stopped ends as a whole one does:
  # `tests/train/test_loop.py` restores such a state, statistics included.
  task = run_task.make(make_config(folder), make_labels())
  whole, resumed = (task.train_batches(step) for step in (0, 3))
  fourth, wanted = next(resumed), [next(whole) for _ in range(4)][3]
  for name in ("video", "label"):
    np.testing.assert_array_equal(fourth[name], wanted[name])
  assert not np.array_equal(next(whole)["video"], wanted["video"])


def test_the_program_trains_exports_and_extracts(folder, tmp_path, monkeypatch, capsys):
  pytest.importorskip("torch")
  labels = tmp_path / "labels.csv"
  splits = make_labels()
  csv_table.write(labels, (*Label._fields, "split"), [
    (*x, split) for split, members in splits.items() for x in members
  ])  # fmt: skip
  run = tmp_path / "run"
  program.call(monkeypatch, *arguments(run, folder, labels))
  out = capsys.readouterr().out
  assert f"{labels}, validation: 2 segments\ntop-1 " in out and f"{labels}, test: 0 segments" in out
  results = json.loads((run / "results.json").read_text())
  assert {"validation/top1", "validation/top5", "validation/class_top1"} < set(results)
  losses = [row["loss"] for row in program.metrics(run) if "loss" in row]
  assert len(losses) == 4 and np.isfinite(losses).all()

  file = tmp_path / "i3d.safetensors"
  export.main(["--workdir", str(run), "--out", str(file)])
  task = run_task.make(make_config(folder, **{"init.i3d": str(file)}), splits)
  state = trained.load(run).state
  again = tmp_path / "again.pt"
  writers.write(again, convert.export(task.load(fresh(task)), table.NAMES))
  for path in (file, again):
    read = readers.read(path)
    assert read.keys() == state.keys()
    assert all(read[name].tobytes() == state[name].tobytes() for name in state)

  features = []
  for weights, size in ((run, []), (file, ["--size", str(CROP)])):
    extract.main(["--videos", str(folder), "--out", str(tmp_path / f"features_{weights.name}"),
                  "--weights", str(weights), "--stride", "12", *size])  # fmt: skip
    features.append(feature_files.read(tmp_path / f"features_{weights.name}/a.npz"))
  np.testing.assert_array_equal(features[0].feature, features[1].feature)
  assert features[0].feature.shape == (3, 32) and features[0].weights.endswith("size 28")


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.01}, {"clip_norm": 0.5}])
def test_sgd_is_that_of_pytorch(options):
  torch = pytest.importorskip("torch")
  rng = np.random.default_rng(0)
  params = {"kernel": rng.standard_normal((4, 3)), "bias": rng.standard_normal(3)}
  ours = jax.tree.map(np.float32, params)
  theirs = {name: torch.tensor(x, requires_grad=True) for name, x in params.items()}
  schedule = schedules.warmup_cosine(0.1, 6, 0.25)
  optimizer = optim.sgd(schedule, **options)
  reference = torch.optim.SGD(
    theirs.values(), lr=0.1, momentum=0.9, weight_decay=options.get("weight_decay", 0)
  )
  state = optimizer.init(ours)
  for step in range(6):
    grads = {name: rng.standard_normal(x.shape) for name, x in params.items()}
    for name, x in theirs.items():
      x.grad = torch.tensor(grads[name])
    torch.nn.utils.clip_grad_norm_(theirs.values(), options.get("clip_norm", np.inf))
    reference.param_groups[0]["lr"] = float(schedule(step))
    reference.step()
    updates, state = optimizer.update(jax.tree.map(np.float32, grads), state, ours)
    ours = jax.tree.map(np.add, ours, updates)
    for name, x in theirs.items():
      np.testing.assert_allclose(ours[name], x.detach(), rtol=1e-4, atol=1e-5)


def test_an_unknown_optimiser_is_named():
  config = sign_encoder_config.get_config()
  config.optim.name = "sdg"
  with pytest.raises(UserError, match="optim.name='sdg' is not one of .* .did you mean 'sgd'"):
    optim.from_config(config.optim, 10)


def test_segments_of_no_sign_are_refused(tmp_path):
  path = tmp_path / "labels.csv"
  path.write_text("video,start,end,label\na.mp4,0,31,1\n")
  with pytest.raises(UserError, match="line 2: the segment lasts 31.0 seconds, and a sign no more"):
    label_table.read(path)


@pytest.mark.parametrize(
  ("header", "row", "words"),
  [
    ("Video,start,end,label", "a,0,1,2", "line 1: .*'Video' .did you mean 'video'"),
    ("video;start;end;label", "a;0;1;2", "line 1: the columns are separated by semicolons"),
    ("video,start,end,label,Split", "a,0,1,2,test", "line 1: .*'Split' .did you mean 'split'"),
    ("video,start,end,label", "a,0:01,2,3", "line 2: start is '0:01', write .* such as 1$"),
    ("video,start,end,label", 'a,"0,5",2,3', "line 2: start is '0,5', write .* such as 0.5"),
    ("video,start,end,label", "a,,2,3", "line 2: the segment has no start or no end"),
    ("video,start,end,label", "a,0,,3", "line 2: the segment has no start or no end"),
    ("video,start,end,label", "a,0,1,1_0", "line 2: the label '1_0' is no class"),
    ("video,start,end,label,score", "a,0,1,1,nan", "line 2: the score 'nan' is no number"),
  ],
)
def test_wrong_tables_of_labels_name_the_line_and_what_was_found(tmp_path, header, row, words):
  path = tmp_path / "labels.csv"
  path.write_text(f"{header}\n{row}\n")
  with pytest.raises(UserError, match=words):
    label_table.read(path)
