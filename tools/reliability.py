"""Damaged files for every reader, and commands killed at random moments: what comes of them, in experiments/reliability.csv.

    python tools/reliability.py fuzz [--inputs 10000] [READER ...]
    python tools/reliability.py kill [--kills 100] [COMMAND ...]

A row of the table is written as soon as it is known. `--before FOLDER` measures an older checkout of the library, for the
column of what was found there.
"""

import argparse
import csv
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "experiments/reliability.csv"
COLUMNS = ["kind", "what", "tries", "good", "refused", "failures", "tries_before", "failures_before"]


def record(kind, what, **numbers):
    "Change the row of this name, or add one."
    rows = list(csv.DictReader(TABLE.open(encoding="utf-8", newline=""))) if TABLE.exists() else []
    row = next((r for r in rows if (r["kind"], r["what"]) == (kind, what)), None)
    if row is None:
        rows.append(row := dict(kind=kind, what=what))
    row |= {k: str(v) for k, v in numbers.items()}
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def chosen(things, words):
    return [t for t in things if not words or any(w.lower() in t.name.lower() for w in words)]


def fuzz_all(options):
    from readers import READERS, fuzz

    for reader in chosen(READERS, options.words):
        try:
            found = fuzz(reader, options.inputs)
        except Exception as e:  # an older library, which lacks what is read
            print(f"{reader.name}: {type(e).__name__}: {e}", flush=True)
            continue
        print(f"{reader.name}: {found.values} read, {found.errors} refused, {len(found.failures)} failures", flush=True)
        seen = {}
        for i, text in found.failures:
            seen.setdefault(text[:60], f"    input {i}: {text[:500]}")
        print("\n".join(list(seen.values())[:12]), flush=True)
        if options.before:
            record("fuzz", reader.name, tries_before=options.inputs, failures_before=len(found.failures))
        else:
            numbers = dict(good=found.values, refused=found.errors, failures=len(found.failures))
            record("fuzz", reader.name, tries=options.inputs, **numbers)


def kill_all(options):
    from killed import COMMANDS, kill

    for command in chosen(COMMANDS, options.words):
        found = kill(command, options.kills)
        print(f"{command.name}: {found}", flush=True)
        record("kill", command.name, tries=found.kills, good=found.same, failures=len(found.failures))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("step", choices=("fuzz", "kill"))
    parser.add_argument(
        "words", nargs="*", metavar="NAME", help="parts of the names of readers or commands (default: all)"
    )
    parser.add_argument("--inputs", type=int, default=10_000, help="damaged files for each reader (default: 10000)")
    parser.add_argument("--kills", type=int, default=100, help="of each command (default: 100)")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="an older checkout of the library")
    options = parser.parse_intermixed_args()
    sys.path[:0] = [str(options.before or ROOT), str(ROOT / "tests"), str(ROOT / "tests/fixtures")]
    {"fuzz": fuzz_all, "kill": kill_all}[options.step](options)


if __name__ == "__main__":
    main()
