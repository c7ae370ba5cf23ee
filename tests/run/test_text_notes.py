"""Paths of what a system reads its words by, and where a run's notes of them lie."""

import pytest

from sign_jax.run import config_paths, settings, text_notes
from sign_jax.systems import registry


def test_files_of_words_are_paths_and_names_of_lemmas_are_none(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  values = {"model.text.file": "~/a.vec", "model.text.lemmas": "~/b.csv"}
  found = config_paths.expanded(values)
  assert found == {key: str(tmp_path / value[2:]) for key, value in values.items()}
  for name in ("simplemma", "none"):
    (tmp_path / name).touch()
    assert not config_paths.names_path("model.text.lemmas", name)
    assert config_paths.expanded({"model.text.lemmas": name}) == {"model.text.lemmas": name}
  assert config_paths.names_path("model.text.lemmas", "./none")
  assert not config_paths.names_path("model.name", "a.vec")


def test_a_run_goes_on_with_a_file_that_lies_elsewhere():
  values = settings.flat(registry.get("spot_align").config(None).to_dict())
  assert settings.differing(values, values | {"model.text.file": "moved.vec"}) == []
  assert settings.differing(values, values | {"model.text.lemmas": "none"}) == ["model.text.lemmas"]


@pytest.mark.parametrize("place", ["", "model.safetensors"])
def test_notes_lie_in_the_folder_or_beside_the_weights(tmp_path, place):
  (tmp_path / "model.safetensors").touch()
  assert text_notes.path(tmp_path / place) is None
  (tmp_path / text_notes.FILE).touch()
  assert text_notes.path(tmp_path / place) == tmp_path / "word_vectors.npz"


def test_a_task_without_words_notes_none(tmp_path):
  text_notes.write(object(), tmp_path)
  text_notes.share(object(), tmp_path)
  assert not list(tmp_path.iterdir())
