"""A pretend accelerator: tensors that say they are on another device, and are computed on the CPU.

What a run on a GPU trips over, and a run on the CPU never shows, shows here: an operation on tensors of two devices
is an error, every value that is waited for from the device is noted in `waits`, and everything that is brought there
in `uploads`. Precision and speed are the CPU's. Only in a process of its own, which imports this before it computes:
the device is registered for good.
"""

import contextlib
import sys

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils import backend_registration

DEVICE = "pretend"
waits: list[str] = []  # function of the library that waited for a value, once for each time
uploads: list[str] = []  # function of the library that brought a tensor there, once for each time


class Backend(backend_registration._DummyBackendModule):
    def get_amp_supported_dtype(self):
        return [torch.bfloat16]


backend_registration._setup_privateuseone_for_python_backend(DEVICE, Backend())


class Pretended(torch.Tensor):
    """A tensor on the pretend device; `inner` has its values.

    It says of itself that it is a CUDA tensor, so that the library takes the way of a GPU.
    """

    is_cuda = property(lambda self: True)

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=f"{DEVICE}:0",
        )

    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"Pretended({self.inner})"

    def __reduce_ex__(self, protocol):
        return self.inner.__reduce_ex__(protocol)

    def tolist(self):
        note_wait()
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {})


class Factories(TorchDispatchMode):
    "Functions that make a tensor see no tensor: they come by here."

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {})


def caller():
    "The function of the library that is at work."
    frame = sys._getframe(1)
    while frame:
        code = frame.f_code
        if "pgp_nb" in code.co_filename.replace("\\", "/").split("/"):
            return code.co_name
        frame = frame.f_back
    return "elsewhere"


def mapped(kind, f, values):
    "`f` of everything of a kind in tuples, lists and dictionaries: what operations are given and return, quickly."
    if isinstance(values, kind):
        return f(values)
    if isinstance(values, (tuple, list)):
        return (list if isinstance(values, list) else tuple)([mapped(kind, f, x) for x in values])
    if isinstance(values, dict):
        return {k: mapped(kind, f, x) for k, x in values.items()}
    return values


def note_wait():
    waits.append(caller())


def unwrapped(values):
    return mapped(Pretended, lambda x: x.inner, values)


def run(func, args, kwargs):
    "One operation on the CPU, where all tensors are on one device; the result is there too, or where `device` says."
    wanted = kwargs.get("device")
    tensors = []
    mapped(torch.Tensor, tensors.append, (args, kwargs))
    there = [x for x in tensors if isinstance(x, Pretended)]
    here = [x for x in tensors if not isinstance(x, Pretended) and x.dim()]
    name = func.overloadpacket.__name__
    if name == "_local_scalar_dense" and there:
        note_wait()
    if name == "copy_":
        if there and not isinstance(args[0], Pretended):
            note_wait()
        unwrapped(args[0]).copy_(*unwrapped(args[1:]), **kwargs)
        return args[0]
    leaves = name == "_to_copy" and wanted is not None and torch.device(wanted).type != DEVICE
    if leaves and there:
        note_wait()
    if name == "_to_copy" and not there and wanted is not None and not leaves:
        uploads.append(caller())
    if there and here:
        raise RuntimeError(f"{name}: tensors on two devices")
    options = unwrapped(kwargs)
    if wanted is not None:
        options |= {"device": torch.device("cpu")}
    result = func(*unwrapped(args), **options)
    if leaves or not there and (wanted is None or torch.device(wanted).type != DEVICE):
        return result
    known = {id(x.inner): x for x in there}
    return mapped(
        torch.Tensor,
        lambda x: known.get(id(x)) if id(x) in known else Pretended(x.resolve_conj().resolve_neg()),
        result,
    )


@contextlib.contextmanager
def pretended():
    "For a `with`: tensors can be made there."
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        with Factories():
            yield f"{DEVICE}:0"
    finally:
        torch._C._set_only_lift_cpu_tensors(False)
