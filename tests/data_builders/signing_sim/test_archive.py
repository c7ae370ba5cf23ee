"""An archive to spot signs in: what it holds, and that it is the same on every machine."""

import hashlib
import json

import av
import numpy as np
import pytest

from data_builders import build
from data_builders.signing_sim import archive, archive_items, corpus, exemplars, wording
from data_builders.signing_sim.archive_items import Archive
from sign_jax.data import clip_table, feature_files, words
from sign_jax.errors import UserError
from sign_jax.untrusted import csv_table

# A change of what is written needs a new `archive_items.VERSION`, and then a new digest here.
_DIGEST = "e98bff91fa87aa6892be009edc30188940cc7133e93f67726572286b626080e8"
_LEFT = 7  # exemplars of either lexicon in these tests


@pytest.fixture(scope="module")
def _few():
  """Lets lexicons hold a few signs: all of them take as long as the videos of `small`."""
  full = exemplars.exemplars
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(exemplars, "exemplars", lambda *args: full(*args)[::9][:_LEFT])
    yield


@pytest.fixture(scope="module")
def folder(_few, tmp_path_factory):
  out = tmp_path_factory.mktemp("archive") / "tiny"
  archive.write(Archive(out, corpus.TINY, 0), long=True)
  return out


def rows(path, *columns):
  return [tuple(row[c] for c in columns) for _, row in csv_table.read(path, columns)]


def digest(folder):
  found = hashlib.sha256()
  for path in sorted(folder.rglob("*.*")):
    found.update(path.relative_to(folder).as_posix().encode())
    if path.suffix == ".npz":
      content = feature_files.read(path)
      found.update(repr(content[1:]).encode() + content.feature.astype("<f2").tobytes())
    else:
      found.update(path.read_bytes())
  return found.hexdigest()


def test_tiny_has_the_recorded_digest(folder):
  assert digest(folder) == _DIGEST


def test_a_second_start_changes_nothing_and_finishes_what_is_missing(folder):
  before, gone = digest(folder), next((folder / "features").iterdir())
  gone.unlink()
  (folder / "signs.csv").unlink()
  archive.write(Archive(folder, corpus.TINY, 0), long=True)
  assert digest(folder) == before


def test_video_folder_builds_the_archive_and_both_alignments(folder, tmp_path):
  captions = {}
  for name in (".", "long/signing", "long/speech"):
    builder, _ = build.prepare("video_folder", None, tmp_path / name, folder / name)
    (captions[name],) = [{
      row["video_id"]: row["text"] for row in builder.as_data_source("test")}]
    counts = {split: found.num_examples for split, found in builder.info.splits.items()}
    assert counts == {s: len(x) for s, x in corpus.videos(corpus.TINY).items()}
  assert captions["."] == captions["long/signing"] == captions["long/speech"]


def test_lemmas_undo_all_inflections_and_leave_the_words_of_lexicons(folder):
  lemma = words.lemmatizer(str(folder / "lemmas.csv"))
  known = {x for name in exemplars.NAMES for x in exemplars.words(name)}
  assert all(lemma(word) == word for word in known)
  texts = dict(rows(folder / "captions.csv", "video", "sentence"))
  for videos in corpus.videos(corpus.TINY).values():
    for video in videos:
      written = {lemma(word) for word in words.words(texts[archive_items.file_of(video)])}
      assert set(wording.said(video.sentence).values()) <= written


def test_signs_are_the_truth_of_the_corpus(folder):
  found = rows(folder / "signs.csv", "video", "start", "end", "gloss", "word")
  video = corpus.videos(corpus.TINY)["validation"][1]
  _, spans = corpus.simulate(video, corpus.TINY)
  own = [x for x in found if x[0] == f"{video.video_id}.mp4"]
  assert [x[3] for x in own] == list(video.glosses)
  for (_, start, end, gloss, word), (first, last) in zip(own, spans, strict=True):
    seconds = np.arange(first - 2, last + 3) / corpus.FPS
    inside = (seconds >= float(start)) & (seconds < float(end))
    assert inside.tolist() == [False] * 2 + [True] * (last - first + 1) + [False] * 2
    assert wording.headword(gloss.partition("-")[0]) == word


def test_exemplars_are_cut_to_their_sign_and_labelled_with_its_word(folder):
  listed = rows(folder / "lexicons/first/lexicon.csv", "exemplar", "word", "start", "end")
  known = exemplars.exemplars("first", corpus.TINY)
  assert [x[:2] for x in listed] == [(f"{x.name}.mp4", x.word) for x in known]
  for name, _, start, end in listed:
    content = feature_files.read(folder / f"lexicons/first/features/{name[:-4]}.npz")
    assert 0.3 < float(start) < float(end) < content.num_frames / content.fps - 0.3


def test_speech_shows_a_part_of_its_own_sentence_and_of_another(folder):
  tables = {name: clip_table.read(folder / f"long/{name}/captions.csv").rows
            for name in ("signing", "speech")}
  overlaps = []
  for signed, said in zip(tables["signing"], tables["speech"], strict=True):
    assert (signed.name, signed.video, signed.sentence) == (said.name, said.video, said.sentence)
    shared = min(signed.end, said.end) - max(signed.start, said.start)
    overlaps.append(shared / (max(signed.end, said.end) - min(signed.start, said.start)))
  assert 0.3 < np.mean(overlaps) < 0.8 and np.mean(np.array(overlaps) > 0.95) < 0.1


def test_signs_of_long_videos_lie_in_the_clips_that_are_aligned_with_the_signing(folder):
  clips = clip_table.read(folder / "long/signing/captions.csv").rows
  signs = rows(folder / "long/signs.csv", "video", "start", "end")
  for video, start, end in signs:
    assert any(x.video == video and x.start <= float(start) and float(end) <= x.end for x in clips)
  assert len(signs) == len(rows(folder / "signs.csv", "video"))


@pytest.mark.parametrize("change", [{"seed": 1}, {"settings": corpus.SMALL}])
def test_a_folder_of_other_settings_is_refused(folder, change):
  with pytest.raises(UserError, match="holds an archive of another version, size or seed"):
    archive.write(Archive(folder, corpus.TINY, 0)._replace(**change))


def test_a_folder_of_other_things_is_refused(tmp_path):
  (tmp_path / "captions.csv").write_text("mine")
  with pytest.raises(UserError, match="is not empty and holds no archive"):
    archive.write(Archive(tmp_path, corpus.TINY, 0))
  assert (tmp_path / "captions.csv").read_text() == "mine"


def test_films_show_the_first_videos_and_all_exemplars(_few, tmp_path, monkeypatch, capsys):
  # In this process, where the lexicons are short.
  monkeypatch.setattr(archive.processes, "mapping", lambda: archive.contextlib.nullcontext(map))
  archive.main(["--out", str(tmp_path / "a"), "--config", "tiny", "--films", "2"])
  listed = rows(tmp_path / "a/captions.csv", "video")
  films = sorted(path.name for path in (tmp_path / "a/videos").iterdir())
  assert films == sorted(name for name, in listed[:2])
  for path in [tmp_path / "a/videos" / films[0], *(tmp_path / "a/lexicons").rglob("*.mp4")]:
    content = feature_files.read(path.parent.parent / f"features/{path.stem}.npz")
    with av.open(str(path)) as container:
      pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
      assert container.streams.video[0].average_rate == 2 * corpus.FPS
    assert len(pictures) == 2 * content.num_frames and pictures[0].shape == (48, 48, 3)
  assert len(list((tmp_path / "a/lexicons").rglob("*.mp4"))) == 2 * _LEFT
  told = capsys.readouterr().out
  assert "videos                        67     133" in told
  assert f"exemplars, first lexicon{_LEFT:8}" in told


def test_facts_of_an_archive_name_its_settings(folder):
  facts = json.loads((folder / "archive.json").read_text())
  assert facts["version"] == archive_items.VERSION and facts["seed"] == 0
  assert facts["corpus"]["sentences"] == list(corpus.TINY.sentences)
