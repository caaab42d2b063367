# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sessions: a bundle on a device."""
import dataclasses
import os
import threading

from . import _runtime
from ._arrays import read_output, to_tensor, type_name
from ._errors import InputError, UsageError

_DEVICES = {"auto": 0, "sim": 1, "cuda": 2}


@dataclasses.dataclass(frozen=True)
class Port:
    """A declared input or output. Dimensions are ints, or formulas over named sizes as text."""

    name: str
    type: str
    shape: tuple


def _ports(raw):
    return [Port(name, type_name(number), tuple(int(d) if d.isdigit() else d for d in dims))
            for name, number, dims in raw]


class Session:
    """Runs a bundle. One thread at a time; sessions of other threads are independent.

    device: "auto" (cuda where there is a GPU, else sim), "sim" (the bundle's portable code), "sim:sm_86" (its code
    for that target), "cuda", "cuda:1".
    options: time_limit (seconds), memory_limit (bytes), profile (bool), graphs (bool); for sim: checks
    (0 none, 1 memory, 2 all), schedule, seed, host_threads, input_offset.
    """

    def __init__(self, path, device="auto", **options):
        kind, _, which = str(device).partition(":")
        if kind not in _DEVICES or (which and kind != "sim" and not which.isdigit()):
            raise UsageError(f"unknown device '{device}': auto, sim, sim:TARGET, cuda or cuda:N", 1)
        known = {"time_limit", "memory_limit", "profile", "graphs", "checks", "schedule", "seed",
                 "host_threads", "input_offset"}
        unknown = sorted(set(options) - known)
        if unknown:
            raise UsageError(f"unknown option '{unknown[0]}'; there are {', '.join(sorted(known))}", 1)
        given = {key: int(value) if isinstance(value, bool) else value for key, value in options.items()}
        if "time_limit" in given:
            given["time_limit"] = float(given["time_limit"])
        place = {"target": which} if kind == "sim" and which else {"device_index": int(which or 0)}
        self._bundle = _runtime.Bundle(os.fspath(path))
        self._session = _runtime.Session(
            self._bundle, {"device": _DEVICES[kind], **place, **given})
        self._inputs, self._outputs = _ports(self._bundle.ports(False)), _ports(self._bundle.ports(True))

    def get_inputs(self):
        return list(self._inputs)

    def get_outputs(self):
        return list(self._outputs)

    @property
    def device(self):
        """The device's name."""
        return self._session.device_name

    @property
    def report(self):
        """The compiler's report, JSON text."""
        return self._bundle.report

    def run(self, output_names, inputs):
        """The outputs named (None: all, in order) as NumPy arrays. `inputs`: {name: array}."""
        names = [port.name for port in self._outputs]
        wanted = names if output_names is None else list(output_names)
        for name in wanted:
            if name not in names:
                raise UsageError(f"the model has no output '{name}'; it has {', '.join(names)}", 1)
        declared = [port.name for port in self._inputs]
        for name in inputs:
            if name not in declared:
                raise InputError(f"the model has no input '{name}'; it has {', '.join(declared)}", 8)
        for name in declared:
            if name not in inputs:
                raise InputError(f"input '{name}' is missing", 8)
        kept, tensors = zip(*(to_tensor(name, inputs[name]) for name in declared)) if declared else ((), ())
        main = threading.current_thread() is threading.main_thread()
        self._session.run(list(tensors), main)
        del kept  # alive until here
        return [read_output(self._session, names.index(name)) for name in wanted]

    def cancel(self):
        """Ends the run in progress in another thread, or the next one."""
        self._session.cancel()

    @property
    def launches(self):
        """Kernels of the last run, if the session has `profile`: a list of dicts."""
        return self._session.launches()

    @property
    def findings(self):
        """What the PTX machine found in the last run: a list of dicts."""
        return self._session.findings()

    def unwritten_bytes(self, output):
        """sim: how many bytes of an output of the last run no kernel wrote."""
        return self._session.unwritten([port.name for port in self._outputs].index(output))
