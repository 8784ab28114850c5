"""A process of its own around TFLite Micro, which may abort or crash instead of raising.

Started as a script by `simulate.tflm`, it imports nothing of ours. Reads a model from stdin and
prints one line of JSON; TFLite Micro's own words go to stderr.

    check ARENA    allocate with all tensors preserved, run once on zeros
    measure        the smallest arena that works, and what the interpreter records
    serve ARENA TENSOR,... INPUTS [reset]    run clips until stdin ends, see `simulate.tflm_worker`
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import Any

_STEP = 16  # TFLite Micro aligns its arena to this
_LARGEST = 1 << 28
_SECONDS = 30


def _interpreter(model: bytes, arena: int, preserve: bool) -> Any:
    """A TFLite Micro interpreter; see `tflite_micro.runtime`."""
    from tflite_micro import runtime

    config = runtime.InterpreterConfig
    return runtime.Interpreter.from_bytes(
        model,
        arena_size=arena,
        intrepreter_config=config.kPreserveAllTensors if preserve else config.kAllocationRecording,
    )


def _run_once(interpreter: Any) -> None:
    """One inference on zeros."""
    import numpy as np

    details = interpreter.get_input_details(0)
    interpreter.set_input(np.zeros(details["shape"], details["dtype"]), 0)
    interpreter.invoke()


def _works(model: bytes, arena: int, report: bool = False) -> bool:
    """Whether a child of ours can allocate and run in `arena` bytes; it may die trying."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(_SECONDS)
            if not report:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            interpreter = _interpreter(model, arena, preserve=False)
            _run_once(interpreter)
            if report:
                interpreter.print_allocations()
            status = 0
        except Exception as error:
            if report:
                print(error, file=sys.stderr)
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def _measure(model: bytes) -> dict[str, int | str]:
    """Smallest arena, a multiple of 16, found by bisection."""
    low, high = 0, 4096
    while not _works(model, high):
        low, high = high, high * 2
        if high > _LARGEST:
            _works(model, _LARGEST, report=True)
            return {"error": f"no arena of up to {_LARGEST} bytes is enough"}
    while high - low > _STEP:
        middle = (low + high) // 2 // _STEP * _STEP
        low, high = (low, middle) if _works(model, middle) else (middle, high)
    _works(model, max(2 * high, 1 << 16), report=True)  # prints what it recorded
    return {"minimum": high}


def _serve(arena: int, tensors: list[int], inputs: int, reset: bool) -> None:
    """Length and bytes of a model, then again and again clips, steps and so many runs' inputs.

    Numbers are 8 bytes, little-endian. For every step of every clip the values of `tensors` go to
    stdout. With `reset`, variables are set to zero before each clip.
    """
    import numpy as np

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whoever prints, prints elsewhere
    source = sys.stdin.buffer
    interpreter = _interpreter(source.read(int.from_bytes(source.read(8), "little")), arena, True)
    details = [interpreter.get_input_details(i) for i in range(inputs)]
    edges = [(tuple(d["shape"]), np.dtype(d["dtype"])) for d in details]
    sizes = [int(np.prod(shape)) * dtype.itemsize for shape, dtype in edges]
    ends = np.cumsum(sizes)
    while count := int.from_bytes(source.read(8), "little"):
        steps = int.from_bytes(source.read(8), "little")
        data = source.read(count * steps * int(ends[-1]))
        for clip in np.frombuffer(data, np.uint8).reshape(count, steps, int(ends[-1])):
            if reset:
                interpreter.reset()
            for values in clip:
                for i, part in enumerate(np.split(values, ends[:-1])):
                    shape, dtype = edges[i]
                    interpreter.set_input(part.view(dtype).reshape(shape), i)
                interpreter.invoke()
                for index in tensors:
                    answers.write(interpreter.GetTensor(index, 0)["tensor_data"].tobytes())
        answers.flush()


def main(arguments: list[str]) -> int:
    """Run the command; the exit status is 0 when a line of JSON was printed or all was served."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is an answer, not a core file
    if arguments[0] == "serve":
        try:
            tensors = [int(i) for i in arguments[2].split(",")]
            _serve(int(arguments[1]), tensors, int(arguments[3]), arguments[4:] == ["reset"])
        except Exception as error:
            print(error, file=sys.stderr)
            return 3
        return 0
    from tflite_micro import runtime  # noqa: F401  (imported once, before forking)

    model = sys.stdin.buffer.read()
    answer: dict[str, int | str] = {}
    if arguments[0] == "measure":
        answer = _measure(model)
    else:
        signal.alarm(_SECONDS)
        try:
            _run_once(_interpreter(model, int(arguments[1]), preserve=True))
        except Exception as error:
            answer = {"error": str(error)}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.path.pop(0)  # our own folder: its modules are not for this process
    sys.exit(main(sys.argv[1:]))
