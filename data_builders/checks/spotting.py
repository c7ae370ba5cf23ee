"""What signs are spotted with: captions, mouthings and lexicons (SPOT-ALIGN)."""

import collections

from data_builders.checks import exemplars
from data_builders.checks.report import ERROR, NOTE, WARNING, Item, Report, counted
from data_builders.video_folder.captions import by_split
from sign_jax.data import clip_table, mouthings, subtitle_words
from sign_jax.data.words import words
from sign_jax.errors import UserError

NAME = "spotting"
_NO_CLIP = "no clip"


def check(captions, table, lexicons, lemma):
  """Checks the files that `launch.spot_align` reads.

  Args:
    captions: table of clips with their sentences.
    table: of mouthings, None for none.
    lexicons: folders, each with `lexicon.csv` and `features/` or `videos/`; perhaps none.
    lemma: function from a word to its lemma, see `words.lemmatizer`.

  Returns:
    `report.Report`.
  """
  report = Report(NAME, "", str(captions))
  clips = _clips(report, captions)
  known = exemplars.check(report, lexicons)
  if clips and lexicons:
    _check_sentences(report, clips, sorted(known), lemma)
  if table:
    _check_mouthings(report, table, clips, known if lexicons else None)
  return report


def _clips(report, path):
  try:
    found = clip_table.read(path, ("video", "sentence"))
  except UserError as error:
    report.add(ERROR, f"the captions cannot be read: {error}")
    return []
  for note in found.notes:
    report.add(NOTE, note)
  try:
    by_split(found.rows)
  except UserError as error:
    report.add(ERROR, str(error))
  return found.rows


def _is_training(clip):
  return clip.split in ("train", "")  # without splits, all are


def _check_sentences(report, clips, entries, lemma):
  """Counts the sentences in which something can be looked for, and words that no lexicon has."""
  find = subtitle_words.Candidates(entries, lemma)
  asked, heard = collections.Counter(), collections.Counter()
  rows = report.tables["captions"] = {}
  for clip in clips:
    found = find(clip.sentence)
    row = rows.setdefault(clip.split or "all", {
      "clips": 0, "with a word of the lexicons": 0, "words to look for": 0,
    })  # fmt: skip
    for name, count in zip(row, (1, bool(found), len(found)), strict=True):
      row[name] += count
    if _is_training(clip):
      asked.update(found)
      heard.update(words(clip.sentence))
  parts = {part for entry in entries for part in entry.split()}
  lacking = {word: n for word, n in heard.items() if not {word, lemma(word)} & parts}
  if lacking:
    share = 100 * sum(lacking.values()) / heard.total()
    report.add(
      NOTE, f"no lexicon has {counted(len(lacking), 'word')} of the training sentences, "
      f"{share:.0f} % of all that is said there", _by_number(lacking),
    )  # fmt: skip
  unasked = [Item(entry) for number, entry in enumerate(entries) if not asked[number]]
  if unasked:
    report.add(NOTE, f"no training sentence has {len(unasked)} of {len(entries)} words of the "
               "lexicons", unasked)  # fmt: skip


def _by_number(counts):
  return [Item(word, counted(n, "time")) for word, n in sorted(counts.items(), key=_most_first)]


def _most_first(item):
  return -item[1], item[0]


def _check_mouthings(report, path, clips, known):
  """`known`: words of the lexicons, None where none were named."""
  found = exemplars.rows(report, path, mouthings.COLUMNS, (), mouthings.of_row)
  of_video = collections.defaultdict(list)
  for clip in clips:
    of_video[clip.video].append(clip)
  of_video = dict(of_video)
  places = [
    next((clip for clip in of_video.get(x.video, ()) if clip.start <= x.time < clip.end), None)
    for x in found
  ]
  is_known = lambda x: known is None or x.word in known
  is_sure = lambda x: x.confidence > mouthings.LEAST_CONFIDENCE
  rows = collections.defaultdict(list)
  for mouthing, clip in zip(found, places, strict=True):
    rows[(clip.split or "all") if clip else _NO_CLIP].append(mouthing)
  report.tables["mouthings"] = {
    name: {
      "number": len(each), "words": len({x.word for x in each}),
      "sure": sum(map(is_sure, each)), "sure and in a lexicon":
      sum(is_sure(x) and is_known(x) for x in each),
    }
    for name, each in rows.items()
  }  # fmt: skip
  _tell_outside(report, found, places, of_video)
  repeated = [x for x, count in collections.Counter(x[:3] for x in found).items() if count > 1]
  if repeated:
    report.add(WARNING, f"{counted(len(repeated), 'mouthing')} stand in several lines",
               [Item(video, f"{word} at {time:g} s") for video, word, time in repeated])
  strange = collections.Counter(x.word for x in found if not is_known(x))
  if strange:
    report.add(NOTE, f"no lexicon has {counted(len(strange), 'word')} of "
               f"{counted(strange.total(), 'mouthing')}, which are left out", _by_number(strange))
  if clips and not any(
    clip and _is_training(clip) and is_sure(x) and is_known(x)
    for x, clip in zip(found, places, strict=True)
  ):
    report.add(ERROR, f"no mouthing of {path} is sure, of a word of the lexicons and inside of a "
               "training clip: there is nothing to train on")  # fmt: skip


def _tell_outside(report, found, places, of_video):
  outside = [x for x, clip in zip(found, places, strict=True) if not clip and of_video]
  for text, chosen in (
    ("of videos that the captions do not name", lambda x: x.video not in of_video),
    ("outside of their video's clips", lambda x: x.video in of_video),
  ):
    items = [Item(x.video, f"{x.word} at {x.time:g} s") for x in outside if chosen(x)]
    if items:
      report.add(WARNING, f"{counted(len(items), 'mouthing')} {text}: left out", items)

