"""`python -m data_builders.list_exemplars`: lexicons of corpora of isolated signs."""

import math

import pytest

from data_builders import list_exemplars
from sign_jax.data import clip_table, lexicon_table
from sign_jax.encoder import clips
from tests.data_builders import trees as corpora
from tests.data_builders.isolated import trees


def lexicon(root, name, *args):
  folder = root / "lexicon"
  list_exemplars.main([name, f"--manual_dir={root}", f"--out={folder}", *args])
  return lexicon_table.read(folder / "lexicon.csv"), folder


def test_wlasl_for_an_encoder_on_features(tmp_path, capsys):
  trees.wlasl(tmp_path)
  found, folder = lexicon(tmp_path, "wlasl", "--protocol=100")
  assert [(x.exemplar, x.word, x.start, x.end) for x in found] == [
    (f"train/0000{n}.mp4", word, 0, math.inf)
    for n, word in ((1, "gloss 0"), (2, "gloss 1"), (3, "gloss 2"))
  ]
  # What is extracted by the table of clips is called as the lexicon's exemplars are.
  rows = clip_table.read(folder / "clips.csv").rows
  assert [x.name for x in rows] == [clip_table.stem_of(x.exemplar) for x in found]
  assert (rows[2].video, rows[2].start, rows[2].end) == ("videos/00003.mp4", 3.5 / 25, 13.5 / 25)
  captured = capsys.readouterr()
  assert "3 exemplars of 3 words in " in captured.out
  assert "1 of 4 videos of train are missing: 00004" in captured.err


def test_msasl_for_an_i3d_has_its_times_in_whole_videos(tmp_path):
  trees.msasl(tmp_path)
  found, folder = lexicon(tmp_path, "msasl", "--protocol=100", "--splits=train,test",
                          "--encoder=i3d")  # fmt: skip
  assert (found[0].start, found[0].end) == (9.5 / 25, 19.5 / 25)
  # Several clips of one video are exemplars of their own.
  videos = folder / "videos"
  listed = clips.find(videos).clips
  assert {x.video for x in listed} == {x.exemplar for x in found} and len(found) > 1
  assert all((videos / x.exemplar).resolve().is_relative_to(tmp_path) for x in found)
  assert not (folder / "clips.csv").exists()
  assert lexicon(tmp_path, "msasl", "--protocol=100", "--splits=train,test",
                 "--encoder=i3d")[0] == found  # fmt: skip
  # Of fewer splits, with what an earlier call has left: no other clips are there.
  fewer, _ = lexicon(tmp_path, "msasl", "--protocol=100", "--splits=train", "--encoder=i3d")
  assert {x.video for x in clips.find(videos).clips} == {x.exemplar for x in fewer}
  assert fewer != found
  lexicon(tmp_path, "msasl", "--protocol=100", "--splits=train")
  assert (folder / "clips.csv").exists() and not any(x.is_symlink() for x in videos.iterdir())


@pytest.mark.parametrize(
  "name, make, message",
  [
    ("phoenix14t", corpora.phoenix14t, "phoenix14t is no corpus of isolated signs"),
    ("nmfs_csl", trees.nmfs_csl, "the classes of nmfs_csl have no names"),
    ("wlasl --protocol=100", lambda root: trees.wlasl(root, with_videos=False),
     "none of the 4 videos of train"),
  ],
)
def test_corpora_that_make_no_lexicon(tmp_path, capsys, name, make, message):
  make(tmp_path)
  with pytest.raises(SystemExit):
    lexicon(tmp_path, *name.split())
  assert message in capsys.readouterr().err
