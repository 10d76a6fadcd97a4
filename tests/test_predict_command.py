"The command `pgp-nb` as a user types it: exit codes, one-line errors, files beside the input."

import pytest
from helpers import python


@pytest.mark.parametrize("words", [("--help",), (), ("train", "--help"), ("prepare", "--help"), ("presets",)])
def test_the_command_hands_over_and_teaches(words):
    done = python("-m", "pgp_nb", *words)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 5


def test_errors_are_one_line_and_code_2():
    for words in (("tarin",), ("evaluate", "nobody"), ("train", "--run", "x", "--set", "iteratons=3")):
        done = python("-m", "pgp_nb", *words)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["training", "prepare"])
def test_the_older_commands_go_on_working(module):
    assert python("-m", f"pgp_nb.{module}", "--help").returncode == 0
