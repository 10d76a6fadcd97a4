"""Damaged files for every reader and commands killed at random moments, a few of each here.

`tools/reliability.py` does it ten thousand and a hundred times, for the page on reliability."""

import csv
import os
from pathlib import Path

import pytest

import killed
import readers

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "experiments/reliability.csv"


@pytest.mark.parametrize("reader", readers.READERS, ids=lambda reader: reader.name)
def test_damaged_files_give_a_right_value_or_the_documented_error(reader):
    found = readers.fuzz(reader, min(30, max(3, int(60 / reader.cost))))
    assert not found.failures, found.failures[0]


def test_the_table_has_a_row_for_every_reader_and_command():
    rows = list(csv.DictReader(TABLE.open(encoding="utf-8", newline="")))
    names = {(row["kind"], row["what"]) for row in rows}
    assert names == {("fuzz", r.name) for r in readers.READERS} | {("kill", c.name) for c in killed.COMMANDS}
    assert [row["what"] for row in rows if int(row["failures"])] == []


@pytest.mark.slow
@pytest.mark.skipif("PGP_LONG" not in os.environ, reason="PGP_LONG is not set: a minute of processor time")
@pytest.mark.parametrize("command", killed.COMMANDS, ids=lambda command: command.name)
def test_a_killed_command_goes_on_and_leaves_the_same(command):
    found = killed.kill(command, 2)
    assert not found.failures and found.same
