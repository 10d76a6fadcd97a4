"""`python -m pgp_nb`, the same as `pgp-nb`"""
from .commands import pgp_command

if __name__ == "__main__": raise SystemExit(pgp_command())
