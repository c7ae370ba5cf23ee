"""skipped.json: which videos a build has left out, and why."""

import collections
import json
import pathlib

from sign_jax.untrusted import budget

SKIPPED = "skipped.json"  # beside the records


def write_skipped(builder):
  """Writes the file, and checks that every annotated video is built or skipped.

  A builder whose findings count no entries, as it cannot skip, gets no file.

  Raises:
    RuntimeError: a video is neither or both, which is a mistake in the builder.
  """
  findings = builder.findings
  if not findings.entries:
    return
  by_split = collections.defaultdict(list)
  for skip in sorted(findings.skips):
    by_split[skip.split].append({"video": skip.name, "reason": skip.reason})
  content = {}
  for split, annotated in sorted(findings.entries.items()):
    info = builder.info.splits.get(split)
    built = info.num_examples if info else 0
    skips = by_split.pop(split, [])
    if built + len(skips) != annotated:
      raise RuntimeError(f"{split}: {annotated} annotated, {built} built, {len(skips)} skipped")
    content[split] = {"annotated": annotated, "built": built, "skipped": skips}
  path = pathlib.Path(builder.data_dir) / SKIPPED
  path.write_text(json.dumps(content, indent=1, ensure_ascii=False))


def read_skipped(folder):
  """{split: {"annotated": n, "built": n, "skipped": [{"video", "reason"}]}}; {} without a file."""
  path = pathlib.Path(folder) / SKIPPED
  return budget.read_json(path) if path.is_file() else {}


def count_skipped(folder):
  """How many videos were left out of what is built in a folder."""
  return sum(len(split["skipped"]) for split in read_skipped(folder).values())


def describe(folder):
  """'skipped 3 damaged videos (train 1 of 8, test 2 of 8), see FILE', or '' without any."""
  splits = [
    f"{name} {len(split['skipped'])} of {split['annotated']}"
    for name, split in read_skipped(folder).items()
    if split["skipped"]
  ]
  if not splits:
    return ""
  path = pathlib.Path(folder) / SKIPPED
  return f"skipped {count_skipped(folder)} damaged videos ({', '.join(splits)}), see {path}"
