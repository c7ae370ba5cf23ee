"""What an example of continuous recognition needs: glosses, and files that go by its frames."""

from data_builders.corpus import contents
from sign_jax.errors import UserError

CONTENT = "continuous"  # the key of `contents.CONTENTS`


def check(clip, extents):
  """Checks a clip.

  Args:
    clip: `Clip`.
    extents: of `contents.read_all`, with that of its video.

  Returns:
    Its number of frames.

  Raises:
    UserError: it has no glosses, or not as many poses or pictures of flow as frames.
  """
  if not clip.glosses.split():
    raise UserError(f"{clip.video_id} has no glosses, write them or remove the video")
  for name in (contents.Poses.name, contents.Flow.name):
    if fault := fault_of(name, extents):
      raise UserError(f"{clip.video_id} has {fault}: make them anew of these frames")
  return extents[contents.Videos.name].num_frames


def fault_of(name, extents):
  """"3 pictures of flow, and 4 frames" where a file and the video of a clip differ, else ""."""
  file, video = extents.get(name), extents.get(contents.Videos.name)
  if not file or not video or file.num_frames == video.num_frames:
    return ""
  what = {contents.Poses.name: "frames of pose", contents.Flow.name: "pictures of flow"}[name]
  return f"{file.num_frames} {what}, and {video.num_frames} frames"
