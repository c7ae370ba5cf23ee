"""Spotting in a corpus: which windows are looked at, what is found there, and where it lies."""

import contextlib

import numpy as np
import pytest

from sign_jax import errors, spot
from sign_jax.data import class_list, clip_table, feature_files, label_table, subtitle_words
from sign_jax.data.feature_files import FeatureFile
from sign_jax.data.label_table import Provenance
from sign_jax.encoder import spotting
from sign_jax.errors import UserError

DIM, FPS, STRIDE = 8, 25.0, 5
SUN, RAIN, STORM = np.eye(DIM, dtype=np.float32)[:3]
QUIET = np.eye(DIM, dtype=np.float32)[-1]


def write(folder, name, rows):
  rows = np.array(rows, np.float32)
  content = FeatureFile(rows, STRIDE * (len(rows) - 1) + 16, FPS, STRIDE, "test")
  feature_files.write(feature_files.path_of(folder, name), content)


def sequence(count, **at):
  """`count` quiet windows, but for those named w3=SUN."""
  rows = [QUIET] * count
  for place, vector in at.items():
    rows[int(place[1:])] = vector
  return rows


@pytest.fixture
def lexicon_files(tmp_path):
  """A lexicon of two words, the second of which is cut out of a longer film."""
  folder = tmp_path / "first"
  folder.mkdir()
  write(folder / "features", "sun_0", [SUN, SUN])
  write(folder / "features", "rain_0", [QUIET, RAIN, QUIET, QUIET])
  table = folder / "lexicon.csv"
  # The middle of the second window is frame 13, at 0.52 seconds.
  table.write_text("exemplar,word,start,end\nsun_0.mp4,Sun,,\nrain_0,rain,0.5,0.6\n")
  return table, folder / "features"


def rows_of(folder, *lines):
  path = folder / "captions.csv"
  path.write_text("\n".join(("video,name,start,end,sentence,split", *lines)) + "\n")
  return path, clip_table.read(path).rows


def found(rows, features, lexicon, **options):
  counts = spotting.Counts()
  find = subtitle_words.Candidates(lexicon.words, lambda word: word)
  return list(spotting.spot(rows, features, lexicon, find, counts=counts, **options)), counts


def test_exemplars_are_cut_to_their_sign(lexicon_files):
  lexicon = spotting.read_lexicons([lexicon_files])
  assert lexicon.words == ["rain", "sun"]
  assert lexicon.exemplars == ["first/sun_0.mp4", "first/rain_0"]
  np.testing.assert_array_equal(lexicon.embeddings, [SUN, RAIN])
  assert lexicon.word_of.tolist() == [1, 0]


def test_features_of_clips_and_of_whole_videos(tmp_path, lexicon_files):
  lexicon, features = spotting.read_lexicons([lexicon_files]), tmp_path / "features"
  write(features, "clip", sequence(9, w3=SUN, w7=0.7 * RAIN + QUIET))
  write(features, "long", sequence(60, w10=SUN, w40=RAIN))
  _, rows = rows_of(
    tmp_path, "a.mp4,clip,,,sun and rain,train", "long.mp4,one,6.0,10.0,no sun but rain,train",
    "b.mp4,none,,,snow,train",
  )
  # The clip "one" is the windows with middles from 6 to 10 seconds: 29 to 48.
  spotted, counts = found(rows, features, lexicon)
  assert [(x.subtitle.row.name, lexicon.words[x.word], x.window) for x in spotted] == [
    ("clip", "sun", 3), ("one", "rain", 40)
  ]
  assert (counts.subtitles, counts.without_words, counts.candidates) == (3, 1, 4)
  assert counts.windows == 9 + 20
  lower, _ = found(rows, features, lexicon, threshold=0.5)
  assert [lexicon.words[x.word] for x in lower] == ["rain", "sun", "rain"]
  unit, _ = found(rows, features, lexicon, similarity="unit")
  assert [(lexicon.words[x.word], round(x.score, 3)) for x in unit] == [
    ("rain", 0.787), ("sun", 1.0), ("rain", 1.0)
  ]
  wide, _ = found(rows[1:], features, lexicon, pad=4.0)
  assert [x.window for x in wide] == [40, 10]


def test_where_annotations_lie(tmp_path, lexicon_files):
  lexicon, features = spotting.read_lexicons([lexicon_files]), tmp_path / "features"
  write(features, "clip", sequence(20, w3=SUN))
  write(features, "long", sequence(60, w10=SUN))
  _, rows = rows_of(
    tmp_path, "a.mp4,clip,100,104,sun,train", "long.mp4,one,1.0,4.0,sun,train"
  )
  (clip, whole), _ = found(rows, features, lexicon)
  source = Provenance("dictionary", 2, "first/sun_0.mp4")
  # Of an I3D: frames 12 to 37 about frame 15, in the video, with half a frame of room.
  label = spotting.label(clip, lexicon, 5, "i3d", 2)
  assert (label.video, label.label, label.gloss, label.provenance) == ("a.mp4", 5, "sun", source)
  assert (label.start, label.end) == (100 + 11.5 / FPS, 100 + 37.5 / FPS)
  label = spotting.label(whole, lexicon, 0, "i3d", 1)
  assert (label.video, label.start) == ("long.mp4", 46.5 / FPS)
  # Of an encoder on features: about the window's middle, frame 23, in the file.
  label = spotting.label(clip, lexicon, 0, "features", 1)
  assert (label.video, label.start, label.end) == ("clip.npz", 20.5 / FPS, 25.5 / FPS)


def test_mistakes_are_named(tmp_path, lexicon_files):
  table, features = lexicon_files
  lexicon = spotting.read_lexicons([lexicon_files])
  with pytest.raises(UserError, match="two exemplars 'first/sun_0.mp4'"):
    spotting.read_lexicons([lexicon_files, lexicon_files])
  _, rows = rows_of(tmp_path, "a.mp4,clip,,,sun,train")
  with pytest.raises(UserError, match="no features of clip"):
    found(rows, features, lexicon)
  write(tmp_path / "narrow", "clip", np.ones((3, DIM - 1)))
  with pytest.raises(UserError, match="7 columns and those of the exemplars 8"):
    found(rows, tmp_path / "narrow", lexicon)
  write(features, "clip", sequence(3))
  with pytest.raises(UserError, match="holds the clip alone, and pad=2"):
    found(rows, features, lexicon, pad=2.0)
  write(features, "rain_0", np.ones((3, DIM - 1)))
  with pytest.raises(UserError, match="features of first/rain_0 have 7 columns"):
    spotting.read_lexicons([(table, features)])


def test_the_program_writes_a_table_of_labels(tmp_path, lexicon_files, capsys, monkeypatch):
  features, out = tmp_path / "features", tmp_path / "out" / "spotted.csv"
  write(features, "clip", sequence(9, w3=SUN))
  write(features, "held", sequence(9, w3=SUN))
  captions, _ = rows_of(tmp_path, "a.mp4,clip,,,Suns and rain,train", "b.mp4,held,,,sun,test")
  lemmas = tmp_path / "lemmas.csv"
  lemmas.write_text("word,lemma\nsuns,sun\n")
  command = [
    "--captions", captions, "--features", features, "--lexicon", *lexicon_files, "--out", out,
    "--classes", tmp_path / "classes.txt", "--lemmas", lemmas, "--encoder", "features",
  ]
  spot.main(list(map(str, command)))
  (label,) = label_table.read(out)["train"] + label_table.read(out)["validation"]
  assert (label.video, label.label, label.gloss) == ("clip.npz", 0, "sun")
  assert class_list.read(tmp_path / "classes.txt", "--classes") == ["sun"]
  told = capsys.readouterr().out
  assert "annotations" in told and "candidates" in told
  monkeypatch.setattr(errors, "one_sentence", contextlib.nullcontext)
  with pytest.raises(UserError, match="no window is as like an exemplar as 1.5"):
    spot.main([*map(str, command), "--threshold", "1.5"])
