"""The short name of `pgp_nb.datasets.prepare`: `python -m pgp_nb.prepare`"""
from .datasets.prepare import main

if __name__ == "__main__": raise SystemExit(main())
