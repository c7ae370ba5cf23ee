"""Spots signs of lexicons in a corpus of sentences (SPOT-ALIGN).

  python -m sign_jax.spot --captions captions.csv --features DIR \
    --lexicon LEXICON/lexicon.csv LEXICON_FEATURES --out spotted.csv

For each word of a training sentence that a lexicon has, the window of the sentence's video that is
most like one of the word's exemplars is found. It becomes a labelled segment if its similarity
exceeds --threshold. Features of the corpus and of the lexicons are files of one encoder, as
`sign_jax.extract` writes them. The result is a table of labels that `sign_jax.main` trains sign
encoders on; --classes FILE receives the names of its classes.
"""

import argparse

from tqdm import tqdm

from sign_jax import errors
from sign_jax.data import class_list, clip_table, label_table, spotted_clips, subtitle_words, words
from sign_jax.encoder import clips, spotting
from sign_jax.errors import UserError
from sign_jax.files import existing_file, existing_folder, path_argument
from sign_jax.ops.spotting import SIMILARITIES
from sign_jax.run import compile_cache, host_memory


def main(argv=None):
  """The command."""
  args = _parse(argv)
  with errors.one_sentence():
    compile_cache.enable()
    captions = existing_file(args.captions, "--captions")
    rows = clips.training_clips(clip_table.read(captions, ("video", "sentence")).rows)
    features = existing_folder(args.features, "--features")
    lexicon = spotting.read_lexicons(args.lexicon)
    find = subtitle_words.Candidates(
        lexicon.words, words.lemmatizer(args.lemmas, args.language), args.forms
    )
    counts = spotting.Counts()
    found = list(spotting.spot(
        tqdm(rows, unit="subtitle", mininterval=0.5), features, lexicon, find,
        threshold=args.threshold, similarity=args.similarity, pad=args.pad, counts=counts,
    ))  # fmt: skip
    if not found:
      raise UserError(
          f"no window is as like an exemplar as {args.threshold:g} ({counts.candidates} candidates "
          f"in {counts.subtitles} subtitles): lower --threshold, or look at the features"
      )
    names = sorted({lexicon.words[x.word] for x in found})
    numbers = {name: number for number, name in enumerate(names)}
    label_table.write(args.out, [
        spotting.label(x, lexicon, numbers[lexicon.words[x.word]], args.encoder, args.round)
        for x in found
    ])
    if args.classes:
      class_list.write(args.classes, names)
  _print(counts, found, names, args.out)


def _parse(argv):
  parser = argparse.ArgumentParser(
      prog="python -m sign_jax.spot", description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  add = parser.add_argument
  add("--captions", required=True, type=path_argument,
      help="table of clips with the columns video and sentence")
  add("--features", required=True, type=path_argument,
      help="folder of the features of the clips, or of their whole videos")
  add("--lexicon", required=True, nargs=2, action="append", type=path_argument,
      metavar=("TABLE", "FEATURES"),
      help="table exemplar,word,start,end and the folder of the exemplars' features; repeatable")
  add("--out", required=True, type=path_argument, help="the table of labels to write")
  add("--classes", type=path_argument, help="file that receives the names of the classes")
  add("--threshold", type=float, default=0.75, help="the similarity must be greater")
  add("--similarity", choices=SIMILARITIES, default="cosine", help="unit: (1 + cosine) / 2")
  add("--forms", choices=subtitle_words.FORMS, default="both",
      help="whether words as they are written, their lemmas or either are looked up")
  add("--lemmas", default=words.SIMPLEMMA, help="simplemma, none, or a table word,lemma")
  add("--language", default="en", help="of simplemma's dictionary")
  add("--pad", type=float, default=0.0,
      help="seconds beside a sentence in which its words may be signed; for whole videos")
  add("--encoder", choices=sorted(spotted_clips.AROUND), default="i3d",
      help="what is trained on the labels: an I3D on videos, or on the simulator's films, or an "
      "encoder on features")
  add("--round", type=int, default=1, help="of spotting, for the table")
  return parser.parse_args(argv)


def _print(counts, found, names, out):
  rows = {
      "subtitles": counts.subtitles, "without a word of the lexicons": counts.without_words,
      "behind their video's end": counts.outside,
      "candidates": counts.candidates, "windows": counts.windows,
      "annotations": len(found), "words": len(names),
  }
  for name, count in rows.items():
    print(f"{name:<32}{count:>10}")
  print(f"wrote {out}")


if __name__ == "__main__":
  host_memory.keep_freed()
  main()
