"Fixtures that several test files share; their functions are in `helpers.py`, small training runs in `small_runs.py`."

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "fixtures"))  # the programs that write miniature data sets


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    "For the processes that a file of tests starts: one thread each, and one cache of people for all of them."
    cache = tmp_path_factory.mktemp("people")
    return os.environ | {"PGP_DATA": str(cache), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
