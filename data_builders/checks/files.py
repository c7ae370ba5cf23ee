"""The files that belong to the clips: every one is found, read and compared with the others."""

import collections
import contextlib

from tqdm import tqdm

from data_builders.attachments import poses
from data_builders.attachments.scaling import UNSTATED
from data_builders.checks import frame_numbers, glosses
from data_builders.checks.report import ERROR, NOTE, WARNING, Item, counted
from data_builders.corpus import contents, continuous, corpora, left_out, places, pose_windows
from sign_jax.data import released_poses
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError
from sign_jax.files import user_path
from sign_jax.video import frames as videos

RELEASED_STRIDE = 1  # of features in files that do not say
# Features and poses of one video may differ by a frame, where one tool drops the last.
TOLERANCE = 1


def check(report, splits, stated=UNSTATED):
  """Adds what is found for {split: clips}, with a progress bar; `stated`: of the poses."""
  kinds = _open(report, splits, stated)
  if not kinds:
    return
  windows = pose_windows.of(kinds, released_poses.CORPORA.get(report.name))
  if windows:
    windows.find(splits)
  tallies = {kind.name: Tally() for kind in kinds}
  unfit = collections.defaultdict(list)
  total = sum(map(len, splits.values()))
  with tqdm(total=total, desc=f"{report.name} files", unit="video", mininterval=0.5) as bar:
    for split, clips in splits.items():
      for clip in clips:
        _check_clip(clip, split, kinds, windows, tallies, unfit)
        bar.update()
  for kind in kinds:
    tallies[kind.name].tell(report, kind.name, splits)
    for line in poses.described_size(kind.metadata().get(contents.Poses.name, {})):
      report.add(NOTE, line)
    is_whole = tuple(splits) == SPLITS  # else files of other splits are no surprise
    if is_whole and kind.root and (note := left_out.note(kind.root, tallies[kind.name].used)):
      report.add(NOTE, note)
  for (level, text), items in unfit.items():
    report.add(level, f"{counted(len(items), 'video')}: {text}", items)


def _open(report, splits, stated):
  """The kinds of files that are there, see `contents`."""
  released = released_poses.CORPORA.get(report.name)
  root, kinds = user_path(report.manual_dir), []
  for name, folder in places.find(root, corpora.annotations(report.name).PLACES).items():
    if not folder.is_dir():
      report.add(NOTE, f"there is no folder {folder}, so none of its files were looked at")
      continue
    try:
      is_pose = name == contents.Poses.name
      kinds.append(
        contents.Poses(folder, splits, stated, released) if is_pose
        else contents.Stream(name, folder, splits)
      )
    except UserError as error:
      report.add(ERROR, str(error))
  raw = contents.Videos(root)
  if any(raw.find(clip, split) for split, clips in splits.items() for clip in clips):
    kinds.append(raw)
  else:
    report.add(NOTE, f"there are no videos in {root}, so none were looked at")
  return kinds + _open_flow(report, root)


def _open_flow(report, root):
  """Optical flow, where there is any; says how it was made."""
  if not (root / contents.Flow.name).is_dir():
    return []
  try:
    flow = contents.Flow(root)
  except UserError as error:
    report.add(ERROR, str(error))
    return []
  if flow.settings:
    report.add(NOTE, f"flow was made with {flow.settings.text}")
  return [flow]


def _check_clip(clip, split, kinds, windows, tallies, unfit):
  fields, extents, paths = {}, {}, {}
  by_window = windows is not None and windows.by_window
  for kind in kinds:
    tally, path = tallies[kind.name], None
    with tally.guard(split, clip):
      path = kind.find(clip, split)
      if path is None:
        tally.missing[split].append(Item(clip.video_id))
        continue
      tally.used.append(path)
      read, extents[kind.name] = kind.read(clip, path)
      paths[kind.name] = path
      tally.take(split, extents[kind.name].counts)
    if kind.name not in paths:
      continue
    fields |= read
    if isinstance(kind, contents.Stream) and not by_window:
      stride = kind.metadata()[kind.name]["stride"] or RELEASED_STRIDE
      _check_windows(clip, kind.name, len(read[kind.name]), stride, extents, unfit)
    elif path.is_dir() and kind.name == contents.Videos.name:
      _check_pictures(clip, path, extents[kind.name].num_frames, unfit)
  streams = [kind.name for kind in contents.streams_among(kinds) if kind.name in fields]
  _check_lengths(clip, streams, paths, fields, extents, windows, unfit)
  _check_continuous(clip, extents, unfit)


def _check_windows(clip, name, count, stride, extents, unfit):
  frames = clip.num_frames or extents[name].num_frames
  expected = videos.num_windows(frames, stride)
  if count != expected:
    text = f"the windows of {name} do not fit the number of frames at stride {stride}"
    reason = f"{count} windows, {frames} frames have {expected}"
    unfit[WARNING, text].append(Item(clip.video_id, reason))


def _check_pictures(clip, path, count, unfit):
  if clip.num_frames and count != clip.num_frames:
    text = "there are not as many pictures as the annotations say"
    reason = f"{count} pictures, {clip.num_frames} frames"
    unfit[WARNING, text].append(Item(clip.video_id, reason))
  if reason := frame_numbers.fault(path):
    text = "pictures are missing, or do not belong there, as their names say"
    unfit[WARNING, text].append(Item(clip.video_id, reason))


def _check_continuous(clip, extents, unfit):
  """What continuous recognition needs."""
  video = extents.get(contents.Videos.name)
  if reason := glosses.lacking(clip, video.num_frames if video else clip.num_frames):
    text = f"fewer steps of {glosses.STRIDE} frames than glosses need, so nothing is learnt of them"
    unfit[WARNING, text].append(Item(clip.video_id, reason))
  if not clip.glosses:
    return
  # Poses of other frames may do for retrieval.
  for name, level in ((contents.Flow.name, ERROR), (contents.Poses.name, WARNING)):
    if reason := continuous.fault_of(name, extents):
      text = f"{name} has not a picture for each frame, so the config continuous cannot hold them"
      unfit[level, text].append(Item(clip.video_id, reason))


def _check_lengths(clip, streams, paths, fields, extents, windows, unfit):
  counts = {name: len(fields[name]) for name in streams}
  if len(set(counts.values())) > 1:
    reason = ", ".join(f"{name} {count}" for name, count in counts.items())
    unfit[ERROR, "the streams have different numbers of windows"].append(
      Item(clip.video_id, reason)
    )
  both = windows is not None and windows.needs <= fields.keys()
  try:
    if both:
      windows.check(clip, paths, fields, extents)
    else:
      contents.check_same_video(extents, clip)
  except UserError as error:
    unfit[ERROR, "the files cannot be of the same video"].append(Item(clip.video_id, str(error)))
    return
  if both and windows.by_window:
    return
  pose = extents.get(contents.Poses.name)
  rgb = extents[streams[0]] if streams else None
  if pose and rgb and abs(pose.num_frames - rgb.num_frames) > TOLERANCE:
    reason = f"{pose.num_frames} frames of pose, {rgb.num_frames} of features"
    text = "pose and features have different numbers of frames, so their windows do not coincide"
    unfit[WARNING, text].append(Item(clip.video_id, reason))


class Tally:
  """What became of the files of one kind."""

  def __init__(self):
    self.found, self.counts, self.used = collections.Counter(), collections.Counter(), []
    self.missing, self.unreadable = collections.defaultdict(list), collections.defaultdict(list)

  @contextlib.contextmanager
  def guard(self, split, clip):
    """Notes a clip whose file cannot be read."""
    try:
      yield
    except (UserError, OSError) as error:  # a disk may fail, or a permission, for a single file
      self.unreadable[split].append(Item(clip.video_id, str(error)))

  def take(self, split, counts):
    """Counts a file that was read, and {what is unusual: how often} in it."""
    self.found[split] += 1
    self.counts.update(counts)

  def tell(self, report, name, splits):
    """Adds counts and findings to a report; a build needs all files but raw videos and flow."""
    for line in poses.described(self.counts):
      report.add(NOTE, line)
    level = {contents.Videos.name: WARNING, contents.Flow.name: NOTE}.get(name, ERROR)
    report.files[name] = {}
    for split in splits:
      missing, unreadable = self.missing[split], self.unreadable[split]
      report.files[name][split] = {
        "found": self.found[split],
        "missing": len(missing),
        "unreadable": len(unreadable),
      }
      if missing:
        count = counted(len(missing), "video")
        report.add(level, f"{split}: there is no file of {name} for {count}", missing)
      if unreadable:
        count = counted(len(unreadable), "file")
        report.add(ERROR, f"{split}: {count} of {name} cannot be used", unreadable)
