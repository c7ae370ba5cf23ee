"""What is kept while there is room."""

from sign_jax.search.page.kept import Kept


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
