"""Self-supervised 3D human pose estimation via part-guided novel image synthesis"""
__version__ = "0.1.0"
__all__ = ["PGP", "Puppet", "__version__"]

_HOMES = {"PGP": "outputs", "Puppet": "puppet"}  # outputs: with what finds, shows and writes


def __getattr__(name):
    "What a user wants at once, loaded on first use: torch takes seconds to import."
    if name not in _HOMES: raise AttributeError(f"module 'pgp_nb' has no attribute {name!r}")
    from importlib import import_module
    return getattr(import_module(f"pgp_nb.{_HOMES[name]}"), name)


def __dir__(): return sorted(set(globals()) | set(__all__))
