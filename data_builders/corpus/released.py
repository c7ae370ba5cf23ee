"""What all builders of released corpora share, of sentences and of isolated signs."""

import functools

from data_builders.attachments import locate
from data_builders.attachments.poses import MAX_FRAMES
from data_builders.writing import schema
from sign_jax.errors import UserError
from sign_jax.files import existing_folder, user_path


class ReleasedBuilder(schema.RecordBuilder, skip_registration=True):
  """Base of the builders of corpora that users get from their owners; nothing is downloaded.

  A subclass has `_splits`, {split: [clip with a `video_id`]}, and `_example(clip)`, which gives the
  example of a clip or raises `UserError`.

  Attributes:
    ANNOTATIONS: module with `read` and `PROTOCOLS`.
    DESCRIPTION, CITATION, HOMEPAGE: of the corpus.
  """

  CAN_SKIP = READS_POSES = IN_ORDER = True

  def _generate_examples(self, split):
    clips = self._splits[split]
    # Skipped examples leave gaps between the keys, and the others where they are.
    for key, clip in zip(schema.order_keys(len(clips)), self.progress(clips, split), strict=True):
      example = None
      with self.findings.guard(split, clip.video_id):
        example = self._example(clip)
      if example is not None:
        yield key, example

  @functools.cached_property
  def _folder(self):
    if self.manual_dir is None:
      raise UserError(
        f"{self.name} reads files that its owner gives you, pass --manual_dir their folder (see "
        "docs/data.md)"
      )
    folder = user_path(self.manual_dir)
    return existing_folder(folder, "--manual_dir", f"pass the folder of {self.name}")


def file_facts(path, deep):
  """Size and time of a file or folder, and of the files in it where `deep`."""
  names = locate.names(path, MAX_FRAMES) if deep and path.is_dir() else ()
  inside = (path / name for name in names)
  return [(x.name, x.stat().st_size, x.stat().st_mtime_ns) for x in (path, *inside)]
