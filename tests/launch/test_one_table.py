"""One table of clips for all programs: what one takes or refuses, the others do."""

import pytest

from data_builders import build
from data_builders.video_folder import captions
from sign_jax import extract
from sign_jax.data import clip_table
from sign_jax.encoder import clips, windows
from sign_jax.errors import UserError
from sign_jax.video import frames as video_frames
from tests.videos import picture_folder, render

pytestmark = pytest.mark.usefixtures("quick_compile")
CLIPS = """video,name,start,end,sentence
a.mp4,a_0,0.0,1.0,good morning to all
a.mp4,a_1,1.0,2.0,see you tomorrow
a.mp4,,2.0,3.3,the train is late
lesson_1.1,,,,it will rain in the north
lesson_1.2,,,,it will rain in the south
"""


@pytest.fixture
def folder(tmp_path):
  path = render(tmp_path / "videos/a.mp4", 75)
  frames = [frame for _, frame in zip(range(20), video_frames.read_frames(path), strict=False)]
  picture_folder(tmp_path / "videos/lesson_1.1", frames)
  picture_folder(tmp_path / "videos/lesson_1.2/1", frames)
  (tmp_path / "dataset").mkdir()
  return tmp_path


def write(folder, text):
  path = folder / "dataset/captions.csv"
  path.write_text(text, encoding="utf-8")
  return path


def test_clips_of_one_video_go_from_the_table_to_a_data_set(folder):
  table = write(folder, CLIPS)
  model, variables = windows.random(seed=0, width=1 / 32)
  encoder = windows.make_encoder(model, variables, batch_size=2, crop=32)
  found = clips.find(folder / "videos", table)
  out = folder / "dataset/features"
  summary = extract.extract(found.clips, out, lambda: encoder, "random:0", 8)
  names = ["a_0", "a_1", "a_2-3.3", "lesson_1.1", "lesson_1.2"]
  assert summary.done == names and list(summary.notes) == ["a_2-3.3"]
  assert sorted(path.stem for path in out.iterdir()) == names
  builder, _ = build.prepare("video_folder", None, folder / "tfds", folder / "dataset")
  examples = list(builder.as_data_source("train"))
  assert sorted(x["video_id"].decode() for x in examples) == names
  lengths = {x["video_id"].decode(): x["num_frames"] for x in examples}
  assert lengths == {"a_0": 25, "a_1": 25, "a_2-3.3": 25, "lesson_1.1": 20, "lesson_1.2": 20}


def programs(folder, table):
  yield lambda: clips.find(folder / "videos", table).clips
  yield lambda: clips.training_clips(clips.find(folder / "videos", table).clips)
  yield lambda: captions.read(table)[0]
  yield lambda: clip_table.read(table).rows


@pytest.mark.parametrize(
  "text",
  [
    CLIPS,
    "video,sentence\na.mp4,One\n",
    "video,sentence,split\na.mp4,One,train\nlesson_1.1,Two,train\n",
    "\ufeffsentence,signer,video\r\nOne,,a.mp4\r\n,,\r\n",
  ],
)
def test_what_one_program_takes_the_others_take(folder, text):
  table = write(folder, text)
  counts = [len(program()) for program in programs(folder, table)]
  assert len(set(counts)) == 1 and counts[0]


@pytest.mark.parametrize(
  "text",
  [
    "video;sentence\na.mp4;One\n",
    "Video,Sentence\na.mp4,One\n",
    "video,sentence\na.mp4,One\na.mp4,Two\n",
    "video,sentence,start,end\na.mp4,One,2,1\n",
    "video,sentence,start,end\na.mp4,One,00:00:01,2\n",
    "video,sentence,split\na.mp4,One,training\n",
    "video,sentence,split\na.mp4,One,train\nlesson_1.1,Two,\n",
    "video,sentence,name\na.mp4,One,../x\n",
    "video,sentence\na.mp4,\n",
    'video,sentence\na.mp4,"One\n',
    "video,sentence\n",
  ],
)
def test_what_one_program_refuses_the_others_refuse_alike(folder, text):
  table, told = write(folder, text), set()
  for program in list(programs(folder, table))[:3]:
    with pytest.raises(UserError) as error:
      program()
    told.add(str(error.value))
  assert len(told) == 1 and str(table) in told.pop()
