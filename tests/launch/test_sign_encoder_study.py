"""The simulator's videos, and the study of the sign encoder that is made of them."""

import csv
import json

import numpy as np
import pytest

from data_builders.signing_sim import corpus, phonology, videos
from data_builders.video_folder import captions
from launch import sign_encoder_study as study
from sign_jax.data import label_table
from sign_jax.errors import UserError
from sign_jax.video import frames as video_frames

SETTINGS = corpus.Settings(sentences=(2, 1, 1), signers=4, seed=3)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
  root = tmp_path_factory.mktemp("videos")
  counts = videos.write(root, SETTINGS, videos.LOOKS["target"], 48)
  return root, counts


def rows(path):
  with path.open(newline="") as file:
    return list(csv.DictReader(file))


def test_all_videos_are_there_with_all_their_frames(written):
  root, (count, _) = written
  listed = corpus.videos(SETTINGS)
  assert count == sum(map(len, listed.values())) == len(list((root / "videos").iterdir()))
  for members in listed.values():
    for item in members:
      points, _ = corpus.simulate(item, SETTINGS)
      path = root / "videos" / f"{item.video_id}.mp4"
      frames = list(video_frames.read_frames(path))
      assert len(frames) == len(points) and frames[0].shape == (48, 48, 3)
      assert video_frames.probe(path).fps == corpus.FPS
      drawn = videos.frames(points[:3], videos.LOOKS["target"], 48)
      assert np.abs(np.stack(frames[:3]).astype(int) - drawn).mean() < 6


def test_videos_that_were_rendered_otherwise_do_not_stay(written):
  root, counts = written
  assert videos.write(root, SETTINGS, videos.LOOKS["target"], 48) == counts
  with pytest.raises(UserError, match="rendered otherwise, choose another --out"):
    videos.write(root, SETTINGS, videos.LOOKS["source"], 48)


def test_the_captions_are_what_video_folder_builds(written):
  root, _ = written
  splits = captions.by_split(captions.read(root / "captions.csv")[0])
  assert {name: len(clips) for name, clips in splits.items()} == {
    name: len(members) for name, members in corpus.videos(SETTINGS).items()
  }
  assert all((root / "videos" / clip.video).is_file() for clip in splits["test"])


def test_segments_are_about_their_signs(written):
  root, (_, count) = written
  splits = label_table.read(root / "signs.csv")
  assert sum(map(len, splits.values())) == count
  item = corpus.videos(SETTINGS)["test"][0]
  points, spans = corpus.simulate(item, SETTINGS)
  ours = [x for x in splits["test"] if x.video == f"{item.video_id}.mp4"]
  assert [x.gloss for x in ours] == list(item.glosses)
  path = root / "videos" / ours[0].video
  for label, (first, last) in zip(ours, spans.tolist(), strict=True):
    seconds = [s for s, _ in video_frames.timed_frames(path, None, label.start, label.end)]
    middle = (first + last + 1) // 2
    expected = range(max(middle - 10, 0), min(middle + 10, len(points)))
    assert [round(s * 24) for s in seconds] == list(expected)


def test_signs_that_look_the_same_share_a_class():
  numbers, forms = videos.classes(SETTINGS), phonology.forms(SETTINGS.lookalike_share)
  by_class = {}
  for gloss, number in numbers.items():
    by_class.setdefault(number, set()).add(forms[gloss])
  assert sorted(by_class) == list(range(len(by_class)))
  assert all(len(found) == 1 for found in by_class.values())
  names = videos.class_names(SETTINGS)
  assert "SNOW/HAIL" in names and names[numbers["HAIL"]] == "SNOW/HAIL"
  assert len(names) == len(by_class) < len(numbers)


def test_the_source_is_another_corpus_and_another_look(tmp_path):
  points, _ = corpus.simulate(corpus.videos(SETTINGS)["test"][0], SETTINGS)
  looks = (videos.LOOKS[name] for name in ("source", "target", "warm"))
  source, target, warm = (videos.frames(points[:1], look, 64).astype(int) for look in looks)
  assert 20 < np.abs(target - source).mean() < np.abs(warm - source).mean()
  options = ["--config", "tiny", "--look", "source", "--size", "32"]
  videos.main(["--out", str(tmp_path / "a"), *options])
  sentences = {row["sentence"] for row in rows(tmp_path / "a/captions.csv")}
  own = {x.sentence.text for found in corpus.videos(corpus.TINY).values() for x in found}
  assert len(sentences & own) < len(own) / 4


def test_a_size_that_no_video_has_is_refused(capsys):
  for size in ("33", "8"):
    with pytest.raises(SystemExit):
      videos.main(["--out", "unused", "--size", size])
    assert f"--size {size} is no size" in capsys.readouterr().err


def test_accuracy_of_labels():
  signs = [
    {"video": "a", "start": "0", "end": "1", "label": "5"},
    {"video": "a", "start": "0.6", "end": "1.6", "label": "6"},
    {"video": "b", "start": "0", "end": "1", "label": "7"},
  ]
  label = lambda name, start, end, number: {
    "video": name, "start": start, "end": end, "label": number,
  }  # fmt: skip
  labels = [
    label("a", "0.1", "1.1", "5"),  # the nearest
    label("a", "0.1", "1.2", "6"),  # inside, but not the nearest
    label("b", "0.6", "1.6", "7"),  # the nearest, but its middle is outside
    label("b", "0", "1", "5"),  # wrong
  ]
  assert study.label_accuracy(labels, signs) == (0.5, 0.5)


def test_the_table_collects_what_the_steps_have_left(tmp_path):
  runs = study.Study(tmp_path)
  (tmp_path / "target").mkdir()
  table = "video,start,end,label,split\na,0,1,5,train\n"
  for path in (tmp_path / "labels.csv", tmp_path / "target/signs.csv"):
    path.write_text(table)
  for seed in (0, 1):
    for number, combine in enumerate(study.COMBINE):
      folder = runs.retrieval(seed, combine)
      folder.mkdir(parents=True)
      values = {f"test/{column}": 10.0 * number + seed for column in study.COLUMNS}
      (folder / "results.json").write_text(json.dumps(values))
  (tmp_path / "agnostic").mkdir()
  (tmp_path / "agnostic/results.json").write_text('{"test/top1": 61.25}')
  lines = study.table(runs, [0, 1]).splitlines()
  assert "top-1 61.2 %" in lines[0] and "1 pseudo-labels in 1 videos" in lines[1]
  assert lines[3].split()[:4] == ["agnostic", "0.5", "±", "0.7"]
  assert lines[5].split()[:4] == ["sum", "20.5", "±", "0.7"]


def test_a_step_that_fails_says_where_to_look(tmp_path):
  with pytest.raises(UserError, match="sign_jax.none.*log.txt"):
    study.Study(tmp_path).run(tmp_path / "missing", "sign_jax.none", "x")


@pytest.fixture
def pretended(tmp_path, monkeypatch):
  """make(size, root) takes a study's steps with programs that only leave files behind."""
  asked = []

  def leave(study_of, *command):
    asked.append(command[0])
    words = [str(word) for word in command]
    folder = study_of.root
    if command[0] == "data_builders.signing_sim.videos":
      folder = command[words.index("--out") + 1]
      folder.mkdir(parents=True)
      for name in ("classes.txt", "signs.csv", "captions.csv"):
        (folder / name).write_text(name)
      (folder / "settings.json").write_text(words[words.index("--config") + 1])
    elif "--workdir" in words and "--out" not in words:
      folder = command[words.index("--workdir") + 1]
      folder.mkdir(parents=True)
      (folder / "results.json").write_text("{}")
    elif command[0] == "sign_jax.extract":
      command[words.index("--out") + 1].mkdir(parents=True)
    elif command[0] in ("sign_jax.export", "sign_jax.pseudo_labels"):
      command[words.index("--out") + 1].write_text(command[0])

  def make(size="tiny", root=tmp_path):
    asked.clear()
    steps = study.Study(root, size)
    steps.render()
    steps.train_agnostic()
    steps.label()
    steps.fine_tune(0)
    steps.extract(0)
    for combine in study.COMBINE:
      steps.train_retrieval(0, combine)
    return list(asked)

  monkeypatch.setattr(study.Study, "start", leave)
  return make


def test_what_is_there_is_not_made_again(pretended):
  assert len(pretended()) == 14
  assert set(pretended()) == {"data_builders.build"}  # which looks by itself


def test_results_of_another_size_are_not_taken(pretended):
  pretended("tiny")
  with pytest.raises(UserError, match=r"classes.txt was made with .*--config tiny.*--config study"):
    pretended("study")


def test_results_may_move_with_their_folder(pretended, tmp_path):
  first, second = tmp_path / "first", tmp_path / "second"
  pretended(root=first)
  first.rename(second)
  assert set(pretended(root=second)) == {"data_builders.build"}


@pytest.mark.parametrize(("changed", "refused"), [
  ("labels.csv", "seed0/encoder/results.json was made .*labels.csv="),
  ("agnostic.safetensors", "labels.csv was made with other settings .agnostic.safetensors="),
  ("target/captions.csv", "labels.csv was made with other settings .target/captions.csv="),
])
def test_what_was_made_from_another_file_is_not_taken(pretended, tmp_path, changed, refused):
  pretended()
  (tmp_path / changed).write_text("other")
  with pytest.raises(UserError, match=refused):
    pretended()


def test_runs_on_other_features_or_of_another_version_are_not_taken(pretended, monkeypatch):
  monkeypatch.setattr(study.notes, "data_fingerprint", lambda *_: "a")
  pretended()
  monkeypatch.setattr(study.notes, "data_fingerprint", lambda *_: "b")
  with pytest.raises(UserError, match="agnostic/results.json was made .* .data=a, now b."):
    pretended()
  monkeypatch.setattr(study.notes, "data_fingerprint", lambda *_: "a")
  monkeypatch.setattr(study.notes, "configuration_digest", lambda _: "other")
  with pytest.raises(UserError, match="agnostic/results.json was made with .*configuration="):
    pretended()


def test_results_of_which_nothing_is_known_are_not_taken(pretended, tmp_path):
  pretended()
  (tmp_path / "settings/labels.csv.json").unlink()
  with pytest.raises(UserError, match="nothing says what .*labels.csv was made with"):
    pretended()
