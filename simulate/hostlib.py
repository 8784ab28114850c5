"""The generated C on this machine: compiled to a shared library, called through ctypes.

Several models can share one library (`HostLibrary`), since starting the compiler costs more than
compiling a small model. Layers are observed through the hook that the generated C has for it
(`WS_OBSERVE`): after each one its output is appended to a trace.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from convert.emit_aot import emit_model
from convert.emit_header import accessors
from convert.generated import GeneratedModel
from convert.graph import Graph
from firmware.hostbuild import HOST_KERNELS, KERNEL_DIR, Source, build_shared
from simulate.backend import Batch, Trace, clip_shape
from simulate.generated_runs import batch_for, inputs_of, require_edges, typed

_OBSERVER = """\
#include <stddef.h>
#include "ws_memory.h"

/* Where the next layer's output goes; NULL when nobody looks. */
static uint8_t *ws_trace;

void ws_observe(int32_t layer, const void *output, int32_t nbytes) {
    (void)layer;
    if (ws_trace != NULL) {
        memcpy(ws_trace, output, (size_t)nbytes);
        ws_trace += nbytes;
    }
}
"""

_RUNNER = """
/*
 * Run `count` clips of `steps` inputs. Where told, traces of {trace} bytes go for every step and
 * outputs of {out} bytes for the last one of every clip.
 */
void {prefix}_host_run(const uint8_t *inputs, int32_t count, int32_t steps, uint8_t *traces,
                       uint8_t *outputs);
void {prefix}_host_run(const uint8_t *inputs, int32_t count, int32_t steps, uint8_t *traces,
                       uint8_t *outputs) {{
    {prefix}_init();
    ws_trace = traces;
    for (int32_t i = 0; i < count; i++) {{
        {reset}
        for (int32_t step = 0; step < steps; step++) {{
            {feed}
            (void){prefix}_invoke();
        }}
        if (outputs != NULL) {{
            memcpy(outputs, {prefix}_output(), {out});
            outputs += {out};
        }}
    }}
    ws_trace = NULL;
}}
"""


def _feed(model: GeneratedModel) -> str:
    """C that copies the inputs of a run to where the model wants them."""
    functions = accessors(model.prefix, "input", len(model.inputs))
    lines = [
        f"memcpy({function}(), inputs, {edge.nbytes});\n            inputs += {edge.nbytes};"
        for function, edge in zip(functions, model.inputs, strict=True)
    ]
    return "\n            ".join(lines)


def host_sources(models: Sequence[GeneratedModel]) -> dict[str, Source]:
    """Everything to compile for `models` on the host: one unit with all of them, and the kernels.

    The unit defines `ws_observe` and, per model, `<prefix>_host_run`.

    Raises:
        ModelError: a model has no input or no output.
        ValueError: two models have the same prefix.
    """
    if len({m.prefix.upper() for m in models}) != len(models):
        raise ValueError(f"Prefixes must differ. Received: {[m.prefix for m in models]}.")
    sources: dict[str, Source] = {}
    parts = ["#include <stdint.h>\n", "#define WS_OBSERVE ws_observe\n"]
    for model in models:
        require_edges(model)
        sources.update({name.replace(".c", ".inc"): text for name, text in model.files.items()})
        parts.append(f'#include "{model.prefix}.inc"\n')
    parts.append(_OBSERVER)
    parts += [
        _RUNNER.format(
            prefix=model.prefix,
            feed=_feed(model),
            out=model.outputs[0].nbytes,
            trace=sum(layer.nbytes for layer in model.layers),
            reset=f"{model.prefix}_reset();" if model.states else "/* nothing to forget */",
        )
        for model in models
    ]
    sources["host.c"] = "".join(parts)
    kernels = {name for model in models for name in model.kernels}
    sources.update({name: KERNEL_DIR / name for name in sorted(kernels)})
    return sources


def _library_of(models: Sequence[GeneratedModel], processor: str | None = None) -> ctypes.CDLL:
    """Compiled for this machine's own processor where kernels are made for that."""
    if processor is None:
        made_for_it = any(n.startswith(HOST_KERNELS) for model in models for n in model.kernels)
        processor = "native" if made_for_it else "baseline"
    return ctypes.CDLL(str(build_shared(host_sources(models), processor=processor)))


class HostLibrary:
    """Several models in one shared library.

    Args:
        models: with distinct prefixes.
        processor: as `firmware.hostbuild.build_shared` takes it; without it "native" where a model
            has host kernels, else "baseline".

    Raises:
        ModelError: a model has no input or no output.
        FirmwareError: the C does not compile.
    """

    def __init__(self, models: Sequence[GeneratedModel], processor: str | None = None) -> None:
        self._library = _library_of(models, processor)
        # The arena, and where the trace goes, are static: one call at a time.
        lock = threading.Lock()
        self.backends: Mapping[str, HostBackend] = {
            model.prefix: HostBackend(model, _library=self._library, _lock=lock) for model in models
        }


class HostBackend:
    """Runs one generated model; see `simulate.backend.Backend`.

    Args:
        generated: what `convert.emit_aot.emit_model` returned.

    Raises:
        ModelError: the model has no input or no output.
        FirmwareError: the C does not compile.
    """

    name = "host"

    def __init__(
        self,
        generated: GeneratedModel,
        *,
        _library: ctypes.CDLL | None = None,
        _lock: threading.Lock | None = None,
    ) -> None:
        self.generated = generated
        library = _library or _library_of([generated])
        self._run = getattr(library, f"{generated.prefix}_host_run")
        pointer = ctypes.c_void_p
        self._run.argtypes = (pointer, ctypes.c_int32, ctypes.c_int32, pointer, pointer)
        self._run.restype = None
        self._lock = _lock or threading.Lock()

    @classmethod
    def from_graph(cls, graph: Graph) -> HostBackend:
        """Generate C with the plain kernels, which define the bits, compile it, load it."""
        return cls(emit_model(graph))

    @classmethod
    def quick(cls, graph: Graph) -> HostBackend:
        """The same with vector kernels for this machine's processor; the bits are the same.

        Raises:
            UnsupportedModelError: an operator or a type that the kernels do not have.
            FirmwareError: the C does not compile.
        """
        return cls(emit_model(graph, pack=False, kernels="host"))

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        """Run a batch; every layer's output and the input itself are in the trace.

        Args:
            inputs: (batch, *input shape without its leading 1), of the input tensor's dtype; with
                steps after the batch where the model has states.

        Raises:
            ModelError: the shape or type of `inputs` is another.
        """
        batch = batch_for(self.generated, inputs)
        layers = self.generated.layers
        runs = batch.clips * batch.steps
        traces = np.empty((runs, sum(layer.nbytes for layer in layers)), np.uint8)
        self._call(batch, traces, None)
        found = inputs_of(batch, self.generated)
        start = 0
        for layer in layers:
            part = np.ascontiguousarray(traces[:, start : start + layer.nbytes])
            found[layer.output] = typed(batch, layer, part)
            start += layer.nbytes
        return found

    def predict(self, inputs: NDArray[np.generic]) -> NDArray[np.generic]:
        """The first graph output after the last step, without the memory that a trace takes.

        Args:
            inputs: as for `run`.

        Returns:
            (batch, *output shape without its leading 1), of the output tensor's dtype.

        Raises:
            ModelError: the shape or type of `inputs` is another.
        """
        batch = batch_for(self.generated, inputs)
        edge = self.generated.outputs[0]
        outputs = np.empty((batch.clips, edge.nbytes), np.uint8)
        self._call(batch, None, outputs)
        return outputs.view(edge.dtype).reshape(batch.clips, *clip_shape(edge.shape))

    def _call(
        self,
        batch: Batch,
        traces: NDArray[np.uint8] | None,
        outputs: NDArray[np.uint8] | None,
    ) -> None:
        with self._lock:
            self._run(
                batch.data.ctypes.data,
                batch.clips,
                batch.steps,
                None if traces is None else traces.ctypes.data,
                None if outputs is None else outputs.ctypes.data,
            )
