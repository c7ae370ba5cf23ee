"""Readers of files from strangers, which can be wrong or hostile.

Whatever bytes a file holds, a reader here
- runs no code from it, and imports nothing that it names;
- takes no more memory and time than the file's size warrants, see `budget`;
- opens no path that a name in it leads to outside its folder (`csv_table.check_inside`, `beside`);
- gives plain data, or one `UserError` that names the file; an `OSError` of a failing disk passes
  through, as that file may well be whole.

The formats are settled, so the room is closed: a change here mends a fault, or reads a file that
people have and that is refused. It comes with that file as a test, and `tests/untrusted` shows that
the rest still holds: each crafted file of `bombs_*.py` is refused within its memory and time
(`test_bombs.py`), and each pickle that would run code (`test_safe_pickle_hostile.py`).
"""
