"""Filling an index: one video stops no other, nothing is encoded twice, a stop loses little."""

import types

import numpy as np
import pytest

from sign_jax.api.retrieval import EncodedVideos
from sign_jax.errors import UserError
from sign_jax.search import filling
from sign_jax.search.entries import Entry
from sign_jax.search.sources import Made


class Index:
  """Takes what an index takes, but for clips that are called bad."""

  def __init__(self, refusal=None):
    self.pieces, self.encoded, self._refusal = [], [], refusal
    self.store = types.SimpleNamespace(has_video=self.__contains__)
    self.model = types.SimpleNamespace(encode_videos=self._encode)

  def __contains__(self, name):
    return any(name in piece for piece in self.pieces)

  def _encode(self, videos):
    self.encoded += videos
    if any(np.isnan(x).any() for x in videos):
      raise UserError("not finite")
    return EncodedVideos(np.stack(videos))

  def add(self, videos, clips, times):
    assert len(videos) == len(clips) == len(times)
    if any("bad" in clip.name for clip in clips):
      raise UserError("they do not fit") from self._refusal
    self.pieces.append([clip.name for clip in clips])


def made(name, *clips, value=0.0):
  clips = clips or (name,)
  return Made(name, [np.full(2, value)] * len(clips), [Entry(x) for x in clips],
              [None] * len(clips))  # fmt: skip


def test_one_video_stops_no_other():
  index = Index()
  videos = [
      made("a"), Made("broken", error=UserError("cut short")), made("bad"), made("c", "c#1", "c#2"),
      made("nan", value=np.nan), made("two\nlines"), made("a"), made("c#1"), made("d", "d#1", "a"),
      made("last"),
  ]  # fmt: skip
  found = filling.fill(index, videos, len(videos), ["earlier"])
  assert found.added == ["a", "c", "last"] and found.there == ["earlier"] and found.clips == 4
  assert {name: reason.split(":")[0] for name, reason in found.failed.items()} == {
      "broken": "cut short", "bad": "they do not fit", "nan": "not finite",
      "two\nlines": r"the clip 'two\nlines' needs a name in one line of plain text",
      "a": "there is another clip 'a'", "c#1": "there is another clip 'c#1'",
      "d": "there is another clip 'a'",
  }
  assert index.pieces == [["a"], ["c#1", "c#2"], ["last"]]  # alone, as together they were refused


def test_what_is_there_is_not_encoded_again():
  index = Index()
  filling.fill(index, [made("a")], 1)
  found = filling.fill(index, [made("a", value=1.0), Made("known"), made("b")], 3)
  assert found.there == ["a", "known"] and found.added == ["b"] and not found.failed
  assert [x.tolist() for x in index.encoded] == [[0, 0], [0, 0]]


def test_what_is_done_is_kept_by_a_stop():
  index = Index()

  def videos():
    yield made("a")
    yield made("b")
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    filling.fill(index, videos(), 5)
  assert index.pieces == [["a", "b"]]


def test_a_full_disk_ends_it():
  index = Index(OSError(28, "No space left on device"))
  with pytest.raises(UserError, match="do not fit"):
    filling.fill(index, [made("a"), made("bad")], 2)
  assert not index.pieces


def test_pieces_are_written_when_they_are_large(monkeypatch):
  monkeypatch.setattr(filling, "_CLIPS", 3)
  index = Index()
  filling.fill(index, [made(str(n)) for n in range(7)], 7)
  assert [len(piece) for piece in index.pieces] == [3, 3, 1]
