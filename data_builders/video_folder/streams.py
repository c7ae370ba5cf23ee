"""Feature streams of a user's own videos: one folder of feature files for each sign encoder."""

from data_builders.attachments import features, locate
from data_builders.corpus import contents, left_out
from data_builders.corpus.findings import named
from sign_jax.data import streams
from sign_jax.errors import UserError


class Stream(contents.Stream):
  """The features of one encoder for all clips of a table; `paths` is {clip's name: its file}."""

  def __init__(self, name, root, clips, dtype):
    """Checks that every clip, a `clip_table.Row`, has features.

    Raises:
      UserError: names the clips without features, or one that has several files; as of the base.
    """
    streams.check_name(name, root)
    self.paths = {x.name: locate.with_ending(root, x.name, features.ENDINGS) for x in clips}
    if missing := [f"{x.name} (line {x.line})" for x in clips if not self.paths[x.name]]:
      others = left_out.note(root, self.paths.values())
      raise UserError(
        f"{root} has no features for {named(missing)}, extract them with "
        f"`python -m sign_jax.extract` or remove the rows{f' ({others})' if others else ''}"
        + ("" if name in streams.TWO else "; to leave this encoder out, move its folder elsewhere")
      )
    super().__init__(name, root, {None: clips}, dtype)

  def find(self, clip, split):
    # Not in folders of splits: "train/a" is the name of another clip than "a".
    return self.paths[clip.name]

  def check(self, content, clip, where):
    """As of the base; the features must also be of the part of the video that the table says."""
    where = f"{where} (line {clip.line})"
    super().check(content, clip, where)
    if content.part not in ("", clip.part):
      raise UserError(
        f"{where} was made of another part of a video ({content.part!r}) than the table says "
        f"({clip.part!r}), extract it anew"
      )
