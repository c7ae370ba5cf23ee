"""Files in the folders of features and poses that no clip reads."""

import contextlib

from data_builders import build, check
from data_builders.corpus import left_out
from tests.data_builders import trees


def touch(root, *names):
  for name in names:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(b"")
  return [root / name for name in names]


def test_files_are_counted_by_kind(tmp_path):
  used = touch(tmp_path, "train/a.npz", "b.npy")
  touch(tmp_path, "train/a.txt", "c.npz", ".DS_Store", "README", "clip/1.json", "clip/2.json")
  found = left_out.note(tmp_path, [*used, tmp_path / "clip", None])
  words = "1 .npz, 1 .txt, 1 file without extension, 1 hidden file"
  assert found == f"left out: {words} in {tmp_path}, which no clip names"
  touch(tmp_path, "other/1.json")
  assert "2 .json, 1 .npz" in left_out.note(tmp_path, [*used, tmp_path / "other"])
  assert left_out.note(tmp_path, tmp_path.rglob("*")) == ""


def test_builders_and_checks_say_so(tmp_path, capsys):
  trees.how2sign(tmp_path)
  folder = tmp_path / "features/agnostic"
  touch(folder, "test/unknown.npz", "test/list.txt")
  words = f"note: left out: 1 .npz, 1 .txt in {folder}, which no clip names"
  build.main(["how2sign", "--manual_dir", f"{tmp_path}", "--data_dir", f"{tmp_path}/tfds"])
  assert words in capsys.readouterr().err
  with contextlib.suppress(SystemExit):
    check.main(["how2sign", "--manual_dir", f"{tmp_path}"])
  assert words in capsys.readouterr().out
