import csv
import json

import numpy as np
import pytest

from data_builders import list_clips
from sign_jax import pseudo_labels
from sign_jax.data import label_table, shards
from sign_jax.encoder import clips, segments
from sign_jax.encoder import windows as encoder_windows
from sign_jax.errors import UserError
from sign_jax.video import frames as video_frames
from sign_jax.video.boxes import Box
from tests.data_builders import trees
from tests.videos import picture_folder, render, truncate

SETTINGS = {
  "weights": "w", "stride": 1, "threshold": 0.6, "near": 3, "apart": 24, "extend": "nearest",
}  # fmt: skip


def select(*windows, **options):
  """Segments of windows given as (start, label, score)."""
  starts, labels, scores = zip(*windows, strict=True) if windows else ((), (), ())
  found = segments.select(np.array(starts), np.array(labels), np.array(scores), **options)
  return [(x.label, x.first, x.last, x.score, x.peak) for x in found]


def test_only_scores_above_the_threshold_count():
  assert select((0, 1, 0.6), (1, 1, 0.59), (2, 1, 0.1)) == []
  assert select((0, 1, 0.6), (40, 1, 0.61)) == [(1, 40, 40, 0.61, 40)]
  assert select((0, 1, 0.2), threshold=0.1) == [(1, 0, 0, 0.2, 0)]
  assert select() == []


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize(
  ("distance", "kept"),
  [(1, "extends"), (3, "extends"), (4, "dropped"), (24, "dropped"), (25, "anew")],
)
def test_distances_decide(side, distance, kept):
  start = 100 + side * distance
  found = select((100, 5, 0.9), (start, 5, 0.8))
  first, last = min(start, 100), max(start, 100)
  assert found == {
    "extends": [(5, first, last, 0.9, 100)],
    "dropped": [(5, 100, 100, 0.9, 100)],
    "anew": sorted([(5, 100, 100, 0.9, 100), (5, start, start, 0.8, start)], key=lambda x: x[1]),
  }[kept]


def test_the_best_goes_first_not_the_earliest():
  # In the order of time 0 would be kept and 20 dropped.
  assert select((0, 5, 0.7), (20, 5, 0.9)) == [(5, 20, 20, 0.9, 20)]
  # Of equal scores the earlier is kept.
  assert select((20, 5, 0.8), (0, 5, 0.8)) == [(5, 0, 0, 0.8, 0)]


def test_distances_are_those_from_the_kept_window():
  # 3 and 6 frames after it: the first extends, the second is dropped, it does not chain on.
  found = select((100, 5, 0.9), (103, 5, 0.8), (106, 5, 0.7), (97, 5, 0.65))
  assert found == [(5, 97, 103, 0.9, 100)]
  # 25 from the kept window, though only 22 from what has extended it.
  assert len(select((100, 5, 0.9), (103, 5, 0.8), (125, 5, 0.7))) == 2


def test_a_window_near_one_and_far_from_another_extends():
  found = select((100, 5, 0.9), (125, 5, 0.8), (124, 5, 0.7))
  assert found == [(5, 100, 100, 0.9, 100), (5, 124, 125, 0.8, 125)]


def test_labels_do_not_see_each_other():
  found = select((10, 2, 0.7), (11, 1, 0.9), (10, 1, 0.8), (12, 2, 0.8))
  assert found == [(1, 10, 11, 0.9, 11), (2, 10, 12, 0.8, 12)]


def test_other_distances():
  windows = [(100, 5, 0.9), (110, 5, 0.8), (140, 5, 0.7)]
  assert select(*windows, near=10, apart=50) == [(5, 100, 110, 0.9, 100)]


def test_as_released_every_near_window_extends_the_first_segment():
  windows = (100, 5, 0.9), (200, 5, 0.8), (202, 5, 0.7), (99, 5, 0.7), (210, 5, 0.65)
  found = select(*windows, extend="first")
  # 202 is near 200, and widens the segment of 100, the best; 210 is dropped.
  assert found == [(5, 99, 202, 0.9, 100), (5, 200, 200, 0.8, 200)]
  assert select(*windows) == [(5, 99, 100, 0.9, 100), (5, 200, 202, 0.8, 200)]
  other = (50, 6, 0.95)  # of another class
  assert (6, 50, 50, 0.95, 50) in select(*windows, other, extend="first")


def test_a_segment_is_cut_where_no_table_may_have_a_longer_one():
  seconds = np.arange(2000) / 25
  start, end, *_ = pseudo_labels._timed(segments.Segment(5, 10, 1900, 0.9, 10), seconds)
  assert label_table.MAX_SECONDS - 0.01 < end - start <= label_table.MAX_SECONDS


# The frame in the middle of a window decides: red is class 0, green class 1, grey is unsure.
RED, GREEN, GREY = (220, 20, 20), (20, 220, 20), (128, 128, 128)


def by_colour(windows):
  middle = windows[:, 8].mean((1, 2))
  labels = (middle[:, 1] > middle[:, 0]).astype(np.int32)
  return labels, np.abs(middle[:, 0] - middle[:, 1]).astype(np.float32) / 255


ENCODER = encoder_windows.Encoder(by_colour, batch_size=7, crop=56)


def pictures(*runs):
  """(colour, count) runs -> frames."""
  return [np.full((48, 64, 3), color, np.uint8) for color, count in runs for _ in range(count)]


@pytest.fixture
def folder(tmp_path):
  videos = tmp_path / "videos"
  runs = (GREY, 20), (RED, 10), (GREY, 20), (GREEN, 10), (GREY, 9)
  picture_folder(videos / "one", pictures(*runs))
  picture_folder(videos / "two", pictures((GREEN, 5)))
  picture_folder(videos / "none", pictures((GREY, 30)))
  (tmp_path / "clips.csv").write_text("video,split\none,train\ntwo,train\nnone,train\nno,test\n")
  return tmp_path


def label(folder, shard="", encoder=ENCODER, **settings):
  jobs = clips.training_clips(clips.find(folder / "videos", folder / "clips.csv").clips)
  settings = {**SETTINGS, **settings}
  progress = pseudo_labels.Progress(folder / "labels.csv", settings, shard)
  pseudo_labels.label(shards.take(jobs, shard), lambda: encoder, settings, progress)
  return progress.read(jobs)


def test_videos_become_timed_segments(folder):
  done, failed = label(folder)
  assert failed == {}
  # The kept windows: the first ones with red in frame 8, from 12 on; three more extend them.
  red, green = done["one"]["segments"]
  assert red[2:] == [0, pytest.approx(200 / 255, abs=0.02)]
  assert red[:2] == pytest.approx([11.5 / 25, (12 + 3 + 15.5) / 25])
  assert green[2] == 1 and green[:2] == pytest.approx([41.5 / 25, (42 + 3 + 15.5) / 25])
  assert done["one"]["windows"] == 69 - 15
  # A video shorter than a window: the segment ends where the video does.
  ((start, end, *_),) = done["two"]["segments"]
  assert (start, end) == (0.0, pytest.approx(4.5 / 25))
  assert done["none"]["segments"] == []
  frames = list(video_frames.read_frames(folder / "videos/one", None, red[0], red[1]))
  assert len(frames) == 19  # exactly those of the windows 12 to 15


def test_resumes_after_a_kill_and_a_line_cut_short(folder):
  calls = []

  def killed(windows):
    calls.append(0)
    if len(calls) == 10:
      raise KeyboardInterrupt
    return by_colour(windows)

  with pytest.raises(KeyboardInterrupt):
    label(folder, encoder=ENCODER._replace(encode=killed))
  (path,) = (folder / "labels.csv.progress").iterdir()
  names = [json.loads(line)["name"] for line in path.read_text().splitlines() if line]
  # They share the eighth batch, which is fetched when the ninth has begun.
  assert names == ["one", "two"]
  path.write_text(path.read_text() + '{"name": "none", "win')
  done, _ = label(folder)
  assert list(done) == ["one", "two", "none"]
  assert label(folder, encoder=None)[0] == done  # nothing is left to do


def test_a_clip_that_has_other_times_now_is_labelled_anew(folder):
  before, _ = label(folder)
  rows = "one,one,,1.2,train\ntwo,,,,train\n"
  (folder / "clips.csv").write_text("video,name,start,end,split\n" + rows)
  done, _ = label(folder)
  assert done["one"]["windows"] == 15 and done["two"] == before["two"]


def test_what_could_not_be_read_is_tried_again(folder):
  render(folder / "videos/a.mp4", 30)
  (folder / "clips.csv").write_text("video\ntwo\na.mp4\n")
  content = (folder / "videos/a.mp4").read_bytes()
  truncate(folder / "videos/a.mp4", 0.5)
  done, failed = label(folder)
  assert list(done) == ["two"] and list(failed) == ["a"]
  (folder / "videos/a.mp4").write_bytes(content)
  done, failed = label(folder)
  assert sorted(done) == ["a", "two"] and not failed


def test_other_settings_are_refused(folder):
  label(folder)
  with pytest.raises(UserError, match="made with other settings"):
    label(folder, threshold=0.7)


def test_labels_of_an_earlier_version_go_on_with_its_rule(folder):
  before, _ = label(folder)
  (path,) = (folder / "labels.csv.progress").iterdir()
  path.write_text(path.read_text().replace(', "extend": "nearest"', ""))
  assert label(folder, encoder=None)[0].keys() == before.keys()
  with pytest.raises(UserError, match="other settings .*'extend': 'nearest'.* use the same"):
    label(folder, extend="first")


def command(folder, monkeypatch, *options):
  monkeypatch.setattr(
    pseudo_labels.encoder_weights.Source, "encoder", lambda *_: ENCODER
  )
  pseudo_labels.main([
    "--videos", f"{folder}/videos", "--csv", f"{folder}/clips.csv", "--random_weights",
    "--out", f"{folder}/labels.csv", *options,
  ])  # fmt: skip


def rows(folder):
  with (folder / "labels.csv").open(newline="") as file:
    return list(csv.DictReader(file))


def test_the_command_writes_a_table_that_training_reads(folder, monkeypatch, capsys):
  (folder / "classes.txt").write_text("ROT\nGRÜN\n", encoding="utf-8")
  command(folder, monkeypatch, "--classes", f"{folder}/classes.txt")
  out = capsys.readouterr().out.split()
  assert out[:10] == [
    "videos", "3", "failed", "0", "windows", str(54 + 1 + 15), "labels", "3", "classes", "2",
  ]  # fmt: skip
  assert [(x["video"], x["label"], x["gloss"]) for x in rows(folder)] == [
    ("one", "0", "ROT"), ("one", "1", "GRÜN"), ("two", "1", "GRÜN"),
  ]  # fmt: skip
  splits = label_table.read(folder / "labels.csv")
  assert sum(map(len, splits.values())) == 3 and not splits["test"]


def test_labels_keep_the_box_of_their_clip(folder, monkeypatch):
  header = "video,split,box_left,box_top,box_width,box_height"
  (folder / "clips.csv").write_text(f"{header}\none,train,8,0,30,40\ntwo,train,,,,\n")
  command(folder, monkeypatch)
  labels = [x for members in label_table.read(folder / "labels.csv").values() for x in members]
  assert sorted((x.video, x.box) for x in labels)[:2] == [("one", Box(8, 0, 30, 40))] * 2
  assert sorted((x.video, x.box) for x in labels)[2:] == [("two", None)]


def test_another_preparation_is_refused(folder, monkeypatch, capsys):
  command(folder, monkeypatch)
  with pytest.raises(SystemExit):
    command(folder, monkeypatch, "--preparation", "released")
  assert "'preparation': 'released'" not in (error := capsys.readouterr().err)
  assert "was made with other settings" in error


def test_the_last_shard_writes_the_table(folder, monkeypatch, capsys):
  command(folder, monkeypatch, "--shard", "2/2")
  assert "2 videos are left to other shards" in capsys.readouterr().out
  assert not (folder / "labels.csv").exists()
  command(folder, monkeypatch, "--shard", "1/2")
  first = rows(folder)
  assert [row["video"] for row in first] == ["one", "one", "two"]
  for path in folder.glob("labels.csv*/*"):
    path.unlink()
  command(folder, monkeypatch)
  assert rows(folder) == first


def test_a_broken_video_is_named_and_the_others_are_labelled(folder, monkeypatch, capsys):
  truncate(render(folder / "videos/a.mp4", 30), 0.5)
  (folder / "clips.csv").write_text("video\none\na.mp4\ngone.mp4\n")
  with pytest.raises(SystemExit) as end:
    command(folder, monkeypatch)
  assert end.value.code == 1
  out = capsys.readouterr().out
  assert "  a: " in out and "gone.mp4 does not exist" in out
  assert [row["video"] for row in rows(folder)] == ["one", "one"]


def test_broken_videos_in_two_shards_do_not_keep_the_table_back(folder, monkeypatch, capsys):
  (folder / "clips.csv").write_text("video\ngone.mp4\nlost.mp4\none\n")
  for shard in ("1/2", "2/2"):
    with pytest.raises(SystemExit):
      command(folder, monkeypatch, "--shard", shard)
  captured = capsys.readouterr()
  assert "gone.mp4 does not exist" in captured.out and "lost.mp4 does not exist" in captured.out
  assert [row["video"] for row in rows(folder)] == ["one", "one"]
  assert "no row has a split" in captured.err


def test_clips_that_are_cut_or_of_other_splits_are_counted(folder, monkeypatch, capsys):
  rows = "one,1,0,4,train\nnone,2,0,1,train\ntwo,3,,,val\n"
  (folder / "clips.csv").write_text("video,name,start,end,split\n" + rows)
  for _ in range(2):  # the second time, all is there
    command(folder, monkeypatch)
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    at = lines.index("note: 1 clips reach behind the end of their video and are cut to it")
    assert lines[at + 1].startswith("  1: ") and "one ends at 2.76 seconds" in lines[at + 1]
    assert "1 videos of other splits are left out" in captured.out


def test_an_unknown_split_is_not_left_out_in_silence(folder, monkeypatch, capsys):
  (folder / "clips.csv").write_text("video,split\none,train\ntwo,trian\n")
  with pytest.raises(SystemExit):
    command(folder, monkeypatch)
  assert "line 3: unknown split 'trian' (did you mean 'train'?)" in capsys.readouterr().err


def test_the_list_of_a_corpus_says_which_clips_are_for_training(tmp_path):
  names = trees.csl_daily(tmp_path, with_videos=True)
  list_clips.main(
    ["csl_daily", "--manual_dir", f"{tmp_path}", "--out", f"{tmp_path}/clips.csv"]
  )
  jobs = clips.find(tmp_path, tmp_path / "clips.csv").clips
  train = clips.training_clips(jobs)
  assert [job.name for job in train] == [f"train/{name}" for name in names["train"]]
  assert len(jobs) == sum(map(len, names.values()))


def test_without_training_videos_there_is_nothing_to_label(folder, monkeypatch, capsys):
  (folder / "clips.csv").write_text("video,split\none,test\n")
  with pytest.raises(SystemExit):
    command(folder, monkeypatch)
  assert "no rows of the split train" in capsys.readouterr().err


def test_best_class_is_a_softmax():
  logits = np.log([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]]).astype(np.float32)
  labels, scores = encoder_windows.best_class({"logits": logits})
  assert labels.tolist() == [1, 0]
  np.testing.assert_allclose(scores, [0.7, 0.5], rtol=1e-5)
