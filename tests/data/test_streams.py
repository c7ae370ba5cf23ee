"""Feature streams of any name: what they may be called, and which of them are combined."""

import jax
import numpy as np
import pytest

from data_builders.writing import schema
from sign_jax.data import assemble, pipeline, resident, source, streams
from sign_jax.data.pose import Pose, Settings
from sign_jax.data.split_sizes import SplitSizes
from sign_jax.errors import UserError
from tests import fakes
from tests.data import tiny
from tests.data.test_pose import HEIGHT, WIDTH, person

LENGTH = 12
TRIO = ("bobsl", "agnostic", "aware")


@pytest.mark.parametrize("name", ["kinetics", "bobsl", "i3d_1024", "x", "a" * 64, *streams.TWO])
def test_names(name):
  streams.check_name(name, "here")


@pytest.mark.parametrize("name", [
  "", "Kinetics", "i3d-rgb", "1d", "_a", "a b", "a\n", "ä", "a/b", "../x", "a,b", "a:b", "a" * 65,
  None, 7, ("a",), "\x1b[2J",
])  # fmt: skip
def test_names_that_are_none_are_one_sentence(name):
  with pytest.raises(UserError, match="here: .* cannot be the name of a feature stream") as error:
    streams.check_name(name, "here")
  assert str(error.value).isprintable() and len(str(error.value)) < 300


def test_names_with_another_meaning_are_one_sentence():
  fields = {*schema.retrieval_features({}), *schema.sign_features(True), *Pose._fields}
  for name in (*fields, "sum", "cat", "auto", "text", "pose", "frames", "dev", "protocol", "order"):
    with pytest.raises(UserError, match=f"here: '{name}' has another meaning .* another name"):
      streams.check_name(name, "here")


def test_streams_have_an_order():
  there = {"zebra", "aware", "bobsl", "agnostic"}
  assert streams.ordered(there) == ("agnostic", "aware", "bobsl", "zebra")


@pytest.mark.parametrize(("there", "mode", "used"), [
  (TRIO, "sum", streams.TWO), (TRIO, "cat", streams.TWO), (TRIO, "auto", streams.TWO),
  (TRIO, "bobsl", ("bobsl",)), (TRIO, "cat:bobsl,agnostic", ("bobsl", "agnostic")),
  (TRIO, "sum:aware,agnostic", ("aware", "agnostic")),
  (["bobsl"], "auto", ("bobsl",)), (["aware"], "auto", ("aware",)),
])  # fmt: skip
def test_what_is_combined(there, mode, used):
  assert streams.used(there, mode) == used


@pytest.mark.parametrize("mode", ["sum", "cat", "auto"])
def test_the_second_stream_of_training_is_that_of_the_plain_ways(mode):
  assert streams.used(TRIO, mode, "agnostic") == ("agnostic", "agnostic")
  assert streams.used(TRIO, "bobsl", "agnostic") == ("bobsl",)
  for pair in ("sum:agnostic,aware", "cat:agnostic,aware"):
    assert streams.used(TRIO, pair, "agnostic") == streams.TWO


@pytest.mark.parametrize(("there", "mode", "words"), [
  (["kinetics", "bobsl"], "auto",
   "auto cannot decide among the streams bobsl and kinetics: .*=bobsl, or two, such as sum:bobsl,"),
  (["agnostic", "bobsl"], "auto", "cannot decide among the streams agnostic and bobsl"),
  (["kinetics", "bobsl"], "sum",
   r"needs the streams agnostic and aware, .* no agnostic and no aware \(it has bobsl, kinetics\)"),
  (TRIO, "cat:bobsl,slovo", "needs the streams bobsl and slovo, .* no slovo .it has agnostic, aw"),
  (TRIO, "bobls", "'bobls' is unknown: .*agnostic or aware or bobsl, .*did you mean 'bobsl'"),
  ([], "sum", "there is no feature stream"),
  ([], "bobsl", "there is no feature stream"),
])  # fmt: skip
def test_what_cannot_be_combined_is_one_sentence(there, mode, words):
  with pytest.raises(UserError, match=words) as error:
    streams.used(there, mode)
  assert ("goes on with" in str(error.value)) is False


@pytest.mark.parametrize("mode", [
  "sum:", "sum:bobsl", "sum:bobsl,bobsl", "cat:a,b,c", "max:a,b", "auto:a,b", ":a,b",
  "bobsl:a,b", "sum:a;b",
])  # fmt: skip
def test_two_streams_are_named_behind_sum_or_cat(mode):
  with pytest.raises(UserError, match="no way to combine: name two streams behind sum or cat, as"):
    streams.parse(mode)


@pytest.mark.parametrize("mode", [
  "sum:a, b", "sum:bobsl,", "sum:A,b", "cat:text,a", "Sum", "", None, 3, ["sum"],
])  # fmt: skip
def test_modes_of_wrong_names_are_one_sentence(mode):
  with pytest.raises(UserError, match="data.combine=.* the name of a feature stream"):
    streams.parse(mode)


def test_two_streams_of_any_name_are_combined_as_the_two_of_the_papers():
  one, other = np.array([[1.0, 2.0]], np.float16), np.array([[3.0, 4.0]], np.float16)
  ours, papers = {"kinetics": one, "bobsl": other}, {"agnostic": one, "aware": other}
  for way in ("sum", "cat"):
    np.testing.assert_array_equal(
      assemble.combine(ours, f"{way}:kinetics,bobsl", 0.75), assemble.combine(papers, way, 0.75),
      strict=True,
    )
  turned = assemble.combine(ours, "sum:bobsl,kinetics", 0.75)
  np.testing.assert_allclose(turned, [[2.5, 3.5]])  # alpha weighs the first that is named


@pytest.fixture(scope="module")
def split():
  dims = {"kinetics": 6, "bobsl": 6, "wide": 10}
  return fakes.FakeSplit(sentences=10, videos=25, windows=20, dims=dims)


@pytest.mark.parametrize(("mode", "dtype", "dim"), [
  ("sum:kinetics,bobsl", np.float32, 6), ("cat:bobsl,kinetics", np.float16, 12),
  ("wide", np.float16, 10),
])  # fmt: skip
def test_resident_rows_are_those_of_the_host(split, mode, dtype, dim):
  rows = resident.rows(split, LENGTH, mode, 0.7)
  assert rows.dtype == dtype and rows.shape == (np.minimum(split.windows, LENGTH).sum(), dim)
  assert resident.nbytes(split, LENGTH, mode) == rows.nbytes
  host = assemble.VideoRows(split, LENGTH, mode, 0.7)(range(split.num_videos))
  np.testing.assert_array_equal(rows, host["video"][host["video_valid"]], strict=True)


@pytest.mark.parametrize("way", ["sum", "cat"])
def test_streams_of_two_widths_are_one_sentence(split, way):
  words = "kinetics has 6 channels and wide has 10 channels: .*data.combine=kinetics"
  with pytest.raises(UserError, match=words):
    pipeline.combined_dim(split, f"{way}:kinetics,wide")


@pytest.mark.parametrize(("mode", "held"), [
  ("sum", streams.TWO), ("auto", streams.TWO), ("bobsl", ("bobsl",)),
  ("cat:bobsl,kinetics", ("bobsl", "kinetics")),
])  # fmt: skip
def test_a_split_of_sizes_has_the_streams_that_are_combined(mode, held):
  sizes = SplitSizes(4, 16, mode)
  assert tuple(sizes.dims) == held == tuple(sizes.dtypes)
  assert pipeline.combined_dim(sizes, mode) == (32 if mode.startswith("cat") else 16)


def test_a_split_reads_what_it_is_asked_for(tmp_path):
  clips = tiny.clips(streams=("kinetics", "aware", "bobsl", "agnostic", "Other"))
  for clip in clips:
    clip["longer"] = np.zeros((30, tiny.DIM), np.float16)
  tiny.build(tmp_path, {"train": clips})
  names = ("agnostic", "aware", "bobsl", "kinetics", "longer")  # no stream is called "Other"
  assert source.stream_names("tiny", tmp_path) == names
  split = source.RetrievalSplit("tiny", "train", tmp_path, streams=["kinetics", "bobsl"])
  assert split.streams == ("kinetics", "bobsl") == tuple(split.features(3))
  (clip,) = (clip for clip in clips if clip["video_id"] == split.video_ids[3])
  np.testing.assert_array_equal(split.features(3)["bobsl"], clip["bobsl"].astype(np.float32))
  with pytest.raises(UserError, match="of 'tiny:1.0.0' differ in length: .*bobsl .*, longer 30"):
    source.RetrievalSplit("tiny", "train", tmp_path)


def test_a_data_set_without_streams_is_one_sentence(tmp_path):
  tiny.build(tmp_path, {"train": tiny.clips(streams=("Kinetics", "video2-x"))})
  words = "'tiny:1.0.0' has no feature stream .none may be called 'Kinetics' or 'video2-x'.: build"
  for read in (source.stream_names, lambda *x: source.RetrievalSplit(x[0], "train", x[1])):
    with pytest.raises(UserError, match=words):
      read("tiny", tmp_path)


def test_streams_of_any_name_go_with_poses(tmp_path):
  """As they do under the names of the papers; of all of them, those that are asked for."""
  frames, batches = (30, 40, 50), []
  for first, other in (("kinetics", "bobsl"), streams.TWO):
    clips = [tiny.clip(i, i, n - 15, streams=(), pose=person(n)) for i, n in enumerate(frames)]
    for number, clip in enumerate(clips):
      rows = tiny.clip(number, number, frames[number] - 15, streams=("a", "b"))
      clip |= {first: rows["a"], other: rows["b"], "unused": rows["a"]}
    tiny.build(tmp_path / first, {"train": clips})
    mode = "sum" if first == "agnostic" else f"sum:{first},{other}"
    split = source.RetrievalSplit(
      "tiny", "train", tmp_path / first, streams=(first, other),
      poses=Settings((WIDTH, HEIGHT), windows=8, max_frames=64),
    )
    options = {"batch_size": 3, "seed": 3, "video_length": 8, "text_length": 8, "combine": mode}
    batches.append(next(pipeline.train_batches(split, **options)))
  assert batches[0]["pose"] and batches[0]["video"].any()
  for ours, papers in zip(*map(jax.tree.leaves, batches), strict=True):
    np.testing.assert_array_equal(ours, papers)
