"""Films of several sentences, and the tables that say what is signed where in them."""

import contextlib

import av
import numpy as np
import pytest

from data_builders.signing_sim import broadcast_films, broadcasts, corpus, recordings, videos
from sign_jax.data import clip_table, label_table
from sign_jax.errors import UserError
from sign_jax.video import frames

SETTINGS = broadcast_films.Settings(broadcasts.CONFIGS["tiny"], 32)


@contextlib.contextmanager
def _here():
  """In the place of several processes."""
  yield lambda function, items, chunksize: map(function, items)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
  root = tmp_path_factory.mktemp("broadcasts")
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(broadcasts.processes, "mapping", _here)
    return root, broadcasts.write(root, SETTINGS)


def test_films_are_such_as_browsers_play(written):
  root, (count, _, _) = written
  films = broadcast_films.films(SETTINGS)
  assert count == len(films) == len(list((root / "films").glob("*.mp4")))
  for item in films:
    points, *_ = recordings.simulate(item, SETTINGS.corpus)
    path = root / "films" / f"{item.name}.mp4"
    with av.open(str(path)) as file:
      stream = file.streams.video[0]
      assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    assert path.read_bytes().index(b"moov") < path.read_bytes().index(b"mdat")
    info = frames.probe(path)
    assert (info.num_frames, info.fps) == (len(points), broadcast_films.FPS)


def test_pictures_are_those_of_the_motion(written):
  root, _ = written
  item = broadcast_films.films(SETTINGS)[0]
  points, *_ = recordings.simulate(item, SETTINGS.corpus)
  drawn = videos.frames(points[:160], videos.Look(1, (0, 0), (1, 1, 1)), 32)
  path = root / "films" / f"{item.name}.mp4"
  seen = np.stack(list(frames.read_frames(path, end=(len(drawn) - 0.5) / broadcast_films.FPS)))
  # Another camera and light; but where much moves in one, much moves in the other.
  moved = [np.abs(np.diff(x.astype(float), axis=0)).mean((1, 2, 3)) for x in (seen, drawn)]
  assert np.corrcoef(*moved)[0, 1] > 0.8


def test_tables_say_where_sentences_and_signs_are(written):
  root, (_, sentences, signs) = written
  rows = clip_table.read(root / broadcasts.CAPTIONS, ("video", "sentence")).rows
  labels = label_table.read(root / broadcasts.SIGNS)
  assert len(rows) == sentences and sum(map(len, labels.values())) == signs
  assert {row.split for row in rows} == set(corpus.SPLITS)
  texts = [row.sentence for row in rows]
  assert len(set(texts)) == len(texts)
  glosses = {x.video_id: x.glosses for y in corpus.videos(SETTINGS.corpus).values() for x in y}
  for row in rows:
    inside = [x for x in labels[row.split]
              if x.video == row.video and row.start < (x.start + x.end) / 2 < row.end]
    assert tuple(x.gloss for x in inside) == glosses[row.name]
  assert all((root / "films" / row.video).is_file() for row in rows)
  for before, after in zip(rows, rows[1:], strict=False):
    if before.video == after.video:
      assert before.end == after.start
    else:
      length = frames.probe(root / "films" / before.video).num_frames / broadcast_films.FPS
      assert before.end == pytest.approx(length - 0.5 / broadcast_films.FPS, abs=1e-5)


def test_films_for_training_have_subtitles_beside_them(written):
  root, _ = written
  for row in clip_table.read(root / broadcasts.CAPTIONS, ("video", "sentence")).rows:
    path = (root / "films" / row.video).with_suffix(".vtt")
    assert path.exists() == (row.split != "test")
    if path.exists():
      assert path.read_text().startswith("WEBVTT\n") and row.sentence in path.read_text()


def test_films_stay_and_others_are_refused(written, monkeypatch):
  root, counts = written
  monkeypatch.setattr(broadcasts.processes, "mapping", _here)
  times = {path: path.stat().st_mtime_ns for path in (root / "films").glob("*.mp4")}
  missing = min(times)
  missing.unlink()
  assert broadcasts.write(root, SETTINGS) == counts
  changed = {path for path, time in times.items() if path.stat().st_mtime_ns != time}
  assert changed == {missing}
  with pytest.raises(UserError, match="another version or size, choose another --out"):
    broadcasts.write(root, broadcast_films.Settings(SETTINGS.corpus, 48))


def test_films_of_others_are_not_mixed_with_ours(tmp_path):
  (tmp_path / "films").mkdir()
  (tmp_path / "films" / "mine.mp4").touch()
  with pytest.raises(UserError, match="not ours"):
    broadcasts.write(tmp_path, SETTINGS)


def test_without_an_encoder_of_h264_it_says_so(tmp_path, monkeypatch):
  monkeypatch.setattr(broadcast_films.av.codec, "codecs_available", {"mpeg4"})
  with pytest.raises(UserError, match="writes no H.264"):
    broadcast_films.write_h264(tmp_path / "a.mp4", [], 32, 24.0)


@pytest.mark.parametrize("size", ["33", "8"])
def test_a_size_that_no_film_has_is_refused(size, capsys):
  with pytest.raises(SystemExit):
    broadcasts.main(["--out", "unused", "--size", size])
  assert f"--size {size} is no size" in capsys.readouterr().err
