"""Make the development environment from the lock, or a new lock from settings.ini. Needs nothing but Python.

python3 tools/environment.py .venv requirements-dev.lock
python3 tools/environment.py --lock .venv-lock requirements-dev.lock
"""

import argparse, os, re, shutil, subprocess, sys
from pathlib import Path

HEADER = """# Development environment of pgp_nb: every package, exactly. Written by `make lock` from settings.ini; do not edit.
# For Python 3.11 and newer. torch names no build: pip takes what its index offers for this machine.
"""
EXTRAS = ".[train,widgets,data,imagenet,dev]"


def stop(message):
    sys.exit(f"environment: {message}")


def make_venv(folder):
    "An empty virtual environment; returns its Python."
    print(f"== Environment: {folder} (Python {sys.version_info.major}.{sys.version_info.minor})", flush=True)
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)])
    if done.returncode:
        stop("python3 -m venv failed; on Debian and Ubuntu install the package python3-venv")
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(python, *args):
    "Install packages; modules are compiled on their first import, which most of them never see."
    quiet = ["-qq", "--disable-pip-version-check"]
    done = subprocess.run([str(python), "-m", "pip", "install", "--no-compile", *quiet, *args])
    if done.returncode:
        stop("pip could not install the packages, its message is above; mend that and run the same command again")


def from_lock(folder, lock):
    "The locked packages, and this project in place. Python 3.10 takes the ranges of settings.ini: not all pins exist there."
    python = make_venv(folder)
    if sys.version_info >= (3, 11):
        pip(python, "-r", str(lock))
        pip(python, "--no-deps", "--no-build-isolation", "-e", ".")
    else:
        print(
            "   Python 3.10: installing the version ranges of settings.ini, the lock is for 3.11 and newer", flush=True
        )
        pip(python, "-e", EXTRAS)


def write_lock(folder, lock):
    "Resolve settings.ini in an empty environment and write down what came out."
    python = make_venv(folder)
    pip(python, "-e", EXTRAS)
    listed = subprocess.run(
        [str(python), "-m", "pip", "freeze", "--all", "--exclude-editable"], capture_output=True, text=True, check=True
    )
    pins = [re.sub(r"\+[\w.]+$", "", line) for line in listed.stdout.splitlines() if not line.startswith("pip==")]
    odd = [p for p in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", p)]
    if odd:
        stop(f"these are not plain name==version: {odd}")
    new = lock.with_suffix(".tmp")
    new.write_text(HEADER + "\n".join(pins) + "\n", encoding="utf-8")
    new.replace(lock)
    shutil.rmtree(folder)
    print(f"{lock}: {len(pins)} packages")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--lock", dest="new_lock", action="store_true", help="write a new lock instead")
    args = parser.parse_args()
    if sys.version_info < (3, 10):
        stop(f"needs Python 3.10 or newer, this is {sys.version.split()[0]}: make PYTHON=python3.11 ...")
    (write_lock if args.new_lock else from_lock)(args.folder, args.lock)


if __name__ == "__main__":
    main()
