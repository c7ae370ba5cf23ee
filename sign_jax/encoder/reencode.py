"""Feature files of one encoder -> those of an encoder on top of it, and the signs that it sees."""

import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sign_jax.data import feature_files, recognized_files
from sign_jax.encoder.feature_encoder import FeatureEncoder
from sign_jax.errors import UserError
from sign_jax.files import existing_folder


class Job(NamedTuple):
  """A feature file."""

  name: str  # "/" between folders, without ".npz"
  path: pathlib.Path


def find(folder: pathlib.Path) -> list[Job]:
  """The feature files of a folder and its subfolders, sorted.

  Raises:
    UserError: no such folder, or no files in it.
  """
  existing_folder(folder, "--features", "pass a folder that sign_jax.extract has written")
  paths = sorted(path for path in folder.rglob("*.npz") if path.is_file())
  if not paths:
    raise UserError(f"{folder} holds no feature files: pass the --out of sign_jax.extract")
  return [Job(path.relative_to(folder).with_suffix("").as_posix(), path) for path in paths]


def encode(
    jobs: Sequence[Job], encoder: FeatureEncoder, out: pathlib.Path,
    recognized: pathlib.Path | None = None, overwrite: bool = False,
) -> Iterator[tuple[Job, str, UserError | None]]:
  """Writes the embeddings of windows, file by file.

  Args:
    jobs: [`Job`].
    encoder: `FeatureEncoder`.
    out: folder of `feature_files`.
    recognized: folder of `recognized_files`; None writes none.
    overwrite: do also what is there already.

  Yields:
    (job, "done", "there" or "failed", reason of the last one), in the order of the jobs.

  Raises:
    UserError: what is there was made with another encoder.
  """
  for job in jobs:
    paths = [feature_files.path_of(out, job.name)]
    if recognized:
      paths.append(recognized_files.path_of(recognized, job.name))
    if not overwrite and _is_complete(paths, encoder):
      yield job, "there", None
      continue
    try:
      _write(job, encoder, *paths)
    except UserError as reason:
      yield job, "failed", reason
    else:
      yield job, "done", None


def _write(job, encoder, features, recognized=None):
  content = feature_files.read(job.path)
  try:
    found = encoder(content.feature)
  except UserError as error:
    raise UserError(f"{job.path}: {error}") from error
  if recognized:
    signs = recognized_files.best(found.probabilities, encoder.fingerprint)
    recognized_files.write(recognized, signs)
  # Last: where it is, all of the clip is.
  own = {"feature": found.embedding, "weights": encoder.fingerprint}
  feature_files.write(features, content._replace(**own))


def _is_complete(paths, encoder):
  # Before reading: the error of a missing file names those like it, which takes long in each file.
  if not all(path.exists() for path in paths):
    return False
  readers = (feature_files.read, recognized_files.read)
  try:
    found = [(path, read(path)) for path, read in zip(paths, readers, strict=False)]
  except UserError:  # cut short: do it again
    return False
  for path, content in found:
    if content.weights != encoder.fingerprint:
      raise UserError(
        f"{path} was made with another encoder ({content.weights[:20]}): use another folder, or "
        "pass --overwrite"
      )
  return True
