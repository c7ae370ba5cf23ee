"""What is kept while there is room."""

import threading

import pytest

from sign_jax.search.page.kept import Kept, Maker
from sign_jax.search.page.refusal import Refusal


def test_what_was_asked_for_longest_ago_makes_room():
  found = Kept(10)
  found.put("a", b"1234")
  found.put("b", b"1234")
  assert found.get("a") == b"1234"
  found.put("c", b"1234")
  assert (found.get("a"), found.get("b"), found.get("c")) == (b"1234", None, b"1234")
  found.put("a", b"12")
  found.put("d", b"1234")
  assert found.get("c") == b"1234" and found.get("d") == b"1234" and found.get("a") == b"12"
  found.put("huge", bytes(11))
  assert found.get("huge") is None


def test_what_cannot_be_made_is_not_tried_again():
  tried = []

  def fail():
    tried.append(1)
    raise Refusal("it is damaged", 404)

  maker = Maker(1)
  for _ in range(2):
    with pytest.raises(Refusal, match="it is damaged") as told:
      maker.of("a", fail)
    assert told.value.http == 404
  assert len(tried) == 1
  assert maker.of("b", lambda: b"12") == maker.of("b", None) == b"12"


def test_nobody_waits_for_ever():
  maker, begun, end = Maker(1, patience=0.01), threading.Event(), threading.Event()

  def make():
    begun.set()
    end.wait()
    return b"1"

  slow = threading.Thread(target=maker.of, args=("slow", make))
  slow.start()
  begun.wait()
  try:
    with pytest.raises(Refusal, match="ask again later") as told:
      maker.of("other", lambda: b"2")
    assert told.value.http == 503
  finally:
    end.set()
    slow.join()
  assert maker.of("slow", None) == b"1" and maker.of("other", lambda: b"2") == b"2"
