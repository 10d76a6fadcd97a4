"""The short name of `pgp_nb.datasets.prepare`: `python -m pgp_nb.prepare`"""
from .datasets.prepare import prepare_command

if __name__ == "__main__": raise SystemExit(prepare_command())
