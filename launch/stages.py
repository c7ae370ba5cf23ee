"""Programs that are run one after the other, each unless its result is there already."""

import functools
import json
import os
import secrets
import shutil

from launch import logged, notes, sharing
from sign_jax.errors import UserError
from sign_jax.files import link
from sign_jax.untrusted import budget


class Stages:
  """Runs commands of this library in a folder that can be taken up again.

  Attributes:
    root: pathlib.Path, absolute.
    shared: folder in which several roots find each other's results, by what these were made with
      and from; None for a root of its own.
    origin: {name: text or number} of what all stages depend on, beside their commands and files.
    shard: `sharing.Shard` of the work in this root; all of it, unless it is set.
  """

  def __init__(self, root, shared=None, origin=()):
    self.root, self.shared, self.origin = root, shared, dict(origin)
    self.shard = sharing.Shard(root)

  def results(self, workdir):
    """What a run has written at its end."""
    return budget.read_json(workdir / "results.json")

  def note(self, result):
    """Where it is noted what `result` was made with."""
    return self.root / "settings" / f"{result.relative_to(self.root)}.json"

  def _facts(self, command, made_from):
    """The command's words, and digests of the files; all paths relative, as a study may move."""
    local = lambda word: str(word).replace(f"{self.root}/", "")
    return {
        "command": " ".join(map(local, command)),
        **{local(path): notes.file_digest(path) for path in made_from},
    }

  def run(
      self, result, *command, made_from=(), products=(), is_divided=False, is_marked=False, **facts
  ):
    """`start` unless its result is there.

    Args:
      result: pathlib.Path of a file that is there when the command is done.
      command: words.
      made_from: files that the result depends on.
      products: files and folders of the command, which other roots may share; the first is or
        holds the result.
      is_marked: whether the result is a mark, made here when the command is done.
      is_divided: whether the command takes --shard, and several starts do a part of it each.
      facts: more that the result depends on, {name: text, number or None}.

    Raises:
      UserError: the result was made with other settings or from other files; or as `start`.
    """
    facts |= self._facts(command, made_from)
    start = functools.partial(self._start_part, result, facts) if is_divided else self.start
    if not self.shard.is_first:
      start(*command)
      return
    remedy = "use the same or another --workdir, or delete it to make it anew"
    notes.check(self.note(result), facts, result, remedy, result.exists())
    if not result.exists() and not self._take(result, products, facts):
      start(*command)
      if is_marked:
        result.touch()
    if is_divided:
      self.shard.note(self._made(result))
    self._give(result, products, facts)

  def _made(self, result):
    """What says that a result is there, or need not be made by parts."""
    return f"made {result.relative_to(self.root)}"

  def _start_part(self, result, facts, *command):
    """`start` of this shard's part of a command; the first one waits for those of the others."""
    shard = self.shard
    if not shard.others:
      self.start(*command)
      return
    name, key = str(result.parent.relative_to(self.root)), notes.text_digest(json.dumps(facts))
    if shard.is_first:
      shard.note(name, key)
    else:
      is_made = lambda: shard.noted(self._made(result)) is not None
      shard.wait(1, name, lambda: is_made() or shard.noted(name))
      if is_made():
        return
      if shard.noted(name) != key:
        raise UserError(f"shard {shard} was started with other settings than the first one")
    self.start(*command, "--shard", shard)
    shard.check()
    shard.note(shard.part(name, shard.number), key)
    for number in shard.others if shard.is_first else ():
      shard.wait(number, name, lambda x=number: shard.noted(shard.part(name, x)) == key)

  def _places(self, products, facts):
    """Where each product of a stage lies for all roots, {product: place}."""
    if not self.shared:
      return {}
    key = notes.text_digest(json.dumps([self.origin, facts], sort_keys=True))
    return {x: self.shared / key / str(number) for number, x in enumerate(products)}

  def _take(self, result, products, facts):
    """Links what another root has made with and from the same; whether it has."""
    for product in products:
      if product.is_symlink():
        product.unlink()  # all that it led to is shared, and is made anew in a place of this root
    places = self._places(products, facts)
    if not places or products[0].exists():  # begun here, and stopped
      return False
    if not _is_in(places, result):
      return False
    for product, place in places.items():
      link(product, place)
    return True

  def _give(self, result, products, facts):
    """Moves products to where all roots find them, where no other root was quicker."""
    places = self._places(products, facts)
    if any(x.is_symlink() for x in products) or not places or _is_in(places, result):
      return
    for product in reversed(products):  # the first, which tells that all are there, comes last
      place = places[product]
      if place.exists():
        _remove(place)  # what is left of something that was deleted
      place.parent.mkdir(parents=True, exist_ok=True)
      moved = place.with_name(f"{place.name}.{secrets.token_hex(8)}")
      shutil.move(product, moved)
      os.rename(moved, place)
      link(product, place)

  def start(self, *command):
    """`logged.call`; the output goes to the shard's log."""
    logged.call(command, self.shard.log)


def _is_in(places, result):
  """Whether a stage's result lies where roots share it."""
  first, place = next(iter(places.items()))
  return (place / result.relative_to(first)).exists()


def _remove(path):
  shutil.rmtree(path) if path.is_dir() else path.unlink()
