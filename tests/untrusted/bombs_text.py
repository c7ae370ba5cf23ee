"""Tables that ask for much: rows, columns and texts out of few bytes."""

import gzip

from data_builders.corpus import plain_table
from sign_jax.data import gloss_embeddings
from sign_jax.encoder import clips as clip_lists
from tests.untrusted.bombs_pickle import MEGA

_CAPTION = b"video,sentence"


def _tables(header, row, short):
  """Tables of a header; `row` is a good one, `short` the shortest that has as many values."""
  begin = header + b"\n"
  return {
    "short_rows": begin + (short + b"\n") * (MEGA // 2),
    "many_columns": header + b"," + b",".join(b"c%d" % i for i in range(200_000)) + b"\n" + row,
    "same_columns": header + b",a" * MEGA,
    "commas": header + b"," * (2 * MEGA) + b"x",
    "many_values": begin + row + b",x" * MEGA,
    "quoted": begin + b'"a"' + b',"a"' * 500_000,
    "open_quote": begin + b'"' + b"a\n" * MEGA,
    "quotes": begin + b'"' + b'""' * MEGA,
    "long_field": begin + b"a" * (4 * MEGA),
    "wide_field": begin + "😀".encode() * MEGA,
    "long_column": b"a" * (4 * MEGA) + b"\n",
    "no_utf_8": begin + b"\xff" * MEGA,
    "utf_16": ("video,sentence\n" * (MEGA // 16)).encode("utf-16"),
    "zeros": bytes(2 * MEGA),
    "zeros_in_it": begin + b"\0,\0\n" * MEGA,
    "nothing": b"",
    "line_ends": b"\n" * MEGA,
    "carriage_returns": b"\r" * MEGA,
    "blanks": b" " * (4 * MEGA),
    "semicolons": header.replace(b",", b";") + b"\n" + b"a;b\n" * MEGA,
    "header_alone": begin,
    "half_marks": begin + b'a"b,c\n' * (MEGA // 2),
    "marks": b'"' * (2 * MEGA),
    "short_then_long": begin + (row + b"\n") * 10 + b",x" * MEGA,
  }


# Lines that the reader of all tables counts for a second or two each: clips alone have them.
_MANY = {"line_ends", "carriage_returns", "semicolons", "half_marks"}


def _elsewhere(tables):
  return {what: table for what, table in tables.items() if what not in _MANY}


def clips():
  """{file name: bytes}: tables of clips."""
  made = _tables(b"video", b"a.mp4", b"a") | {"one_video": b"video\n" + b"a,\n" * MEGA}
  return {f"{what}.csv": content for what, content in made.items()}


def read_clips(path):
  """Reads a table of clips of videos in its folder."""
  clip_lists.find(path.parent, path)


def labels():
  """{file name: bytes}: tables of labels."""
  made = _elsewhere(_tables(b"video,start,end,label", b"a.mp4,0,1,2", b"a,0,1,2"))
  return {f"{what}.csv": content for what, content in made.items()}


def captions():
  """{file name: bytes}: tables of captions."""
  made = _elsewhere(_tables(_CAPTION, b"a.mp4,hello", b"a,b"))
  entities = (
    b"video,sentence\n"
    + b"".join(b"a%d,%b\n" % (i, b"&amp;" * 20_000) for i in range(20))
    + b"b,\n"
  )
  mojibake = (
    b"video,sentence\n"
    + b"".join(b"a%d,%b\n" % (i, "Ã©â€™".encode() * 20_000) for i in range(10))
    + b"b,\n"
  )
  return {f"{what}.csv": content for what, content in made.items()} | {
    "entities.csv": entities,
    "mojibake.csv": mojibake,
  }


def plain():
  """{file name: bytes}: tables of releases, between bars."""
  made = _tables(b"name,translation", b"a,b", b"a,b")
  # There, a row of another number of values is noted by the caller, and no table is empty.
  read = (
    "many_values",
    "short_then_long",
    "quoted",
    "open_quote",
    "quotes",
    "header_alone",
    "half_marks",
    "long_field",
    "wide_field",
  )
  files = {what: table.replace(b",", b"|") for what, table in made.items() if what not in read}
  files["no_separators"] = b"name translation\n" + b"a b\n" * MEGA
  files["empty_values"] = b"name|translation\n" + b"|\n" * (2 * MEGA)
  files["short_lines"] = b"name|translation\n" + b"a\n" * (2 * MEGA)
  files |= {"columns": b"name|translation" + b"|c" * MEGA, "no_text": b"\xfe" * MEGA}
  return {f"{what}.csv": content for what, content in files.items()}


def read_plain(path):
  """Reads a table of a release."""
  plain_table.read(path, "|", ("name", "translation"))


def vectors():
  """{file name: bytes}: files of word vectors."""
  begin, numbers = b"5 3\n", b" 1" * MEGA
  made = {
    "short_lines": begin + b"a\n" * MEGA,
    "line_ends": begin + b"\n" * (2 * MEGA),
    "one_line": begin + b"book" + numbers,
    "a_long_word": begin + b"a" * (4 * MEGA),
    "a_long_number": begin + b"book " + b"1" * (4 * MEGA) + b" 1 1",
    "many_numbers": begin + b"book" + b" 1" * 60_000 + b"\n",
    "wide": b"1 4096\n" + b"book" + b" 1" * 4095,
    "wider": b"1 999999\n" + b"book" + numbers,
    "billions": b"999999999999 3\n" + b"a 1 2 3\n" * 1000,
    "a_long_header": b"1" * (4 * MEGA) + b" 3\n",
    "blanks": b" " * (4 * MEGA),
    "blank_words": begin + b" 1 2 3\n" * MEGA,
    "no_header": b"book 1 2 3\n" * MEGA,
    "no_utf_8": begin + b"\xff 1 2 3\n" * MEGA,
    "utf_16": ("5 3\nbook 1 2 3\n" * 1000).encode("utf-16"),
    "zeros": bytes(4 * MEGA),
    "zeros_in_it": begin + b"book \0 \0 \0\n",
    "huge": begin + b"book 1e999 1 1\n",
    "none": begin + b"book nan 1 1\n",
    "nothing": b"",
    "packed": gzip.compress(begin + b"book 1 2 3\n" * MEGA),
    "packed_pickle": gzip.compress(b"\x80\x04" + bytes(64 * MEGA)),
    "packed_and_cut": gzip.compress(b"\x80\x04" + bytes(MEGA))[:100],
  }
  return {f"{what}.vec": content for what, content in made.items()}


def read_vectors(path):
  """Reads the vector of one gloss."""
  gloss_embeddings.read(path, ["book"])


def synonyms():
  """{file name: bytes}: tables of synonyms."""
  words = b",".join(b"%x" % i for i in range(250_000))
  made = {
    "short_groups": b"a,b\n" * MEGA,
    "one_group": words + b"\nx",
    "commas": b"," * (4 * MEGA),
    "groups_of_many": (b",".join(b"%x" % i for i in range(20_000)) + b"\n") * 40 + b"x",
    "one_word": b"a",
    "words": b"a\n" * MEGA,
    "open_ends": b"a,\n" * MEGA,
    "wide": "😀".encode() * MEGA,
    "no_utf_8": b"\xff" * MEGA,
    "utf_16": ("a,b\n" * MEGA).encode("utf-16"),
    "large": b"a,b\n" * 10 + b"x",
    "a_long_word": b"a" * (4 * MEGA),
    "returns": b"a\r" * MEGA,
    "comments_behind": b"a#" * MEGA,
    "two_alike": b"a,a\n" * MEGA,
    "blanks_in_it": b"a b c " * MEGA,
    "capitals": b"A,a\n" * MEGA,
    "numbers": b"".join(b"%d\n" % i for i in range(300_000)),
    "digraphs": "ǅ,ǆ\nİ\n".encode() * (MEGA // 4),
    "last_alone": b"a,b\n" * 1000 + b"c",
  }
  return {f"{what}.txt": content for what, content in made.items()}
