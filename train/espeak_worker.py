"""A small process that speaks with espeak-ng, for `train.synthesis`.

It is run as a file by its own interpreter and imports the standard library only, so that it starts
in a moment and has nothing of TensorFlow's in it. espeak-ng keeps state from one utterance to the
next (phases and noise), so every batch is spoken in a fresh fork of the initialised process: what a
batch sounds like depends on that batch alone. A crash or a hang of the library ends the fork only.

    python espeak_worker.py LIBRARY DATA

First it writes the sample rate, 4 bytes little-endian, to stdout. stdin: one batch per line, a JSON
list of objects: voice, text, phonemes, rate, pitch, range, seed; or voice, text and `"spell": true`
to get the text's phonemes (UTF-8) instead of samples. stdout, for each object: 4 bytes status
(0 spoken, 1 voice refused, 2 library error, 3 died, 4 took too long) and 4 bytes length, then that
many bytes of int16 samples.
"""

import ctypes
import gc
import json
import os
import signal
import struct
import sys

SYNCHRONOUS = 2
DONT_EXIT = 0x8000
RATE, PITCH, RANGE = 1, 3, 4
UTF8, PHONEMES = 0x1, 0x100
SECONDS = 10

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def load(library: str, data: str) -> "tuple[ctypes.CDLL, int]":
    """The initialised library and its sample rate in hertz (negative: it failed)."""
    lib = ctypes.CDLL(library)
    lib.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    lib.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
    lib.espeak_TextToPhonemes.argtypes = [
        ctypes.POINTER(ctypes.c_char_p),
        ctypes.c_int,
        ctypes.c_int,
    ]
    rate = lib.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), DONT_EXIT)
    return lib, rate


def speak(lib: ctypes.CDLL, job: dict) -> "tuple[int, bytes]":
    """Speak one utterance: status and samples (or phonemes)."""
    pieces = []

    def take(samples, count, _events):  # type: ignore[no-untyped-def]
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    callback = _Callback(take)
    lib.espeak_SetSynthCallback(callback)
    if lib.espeak_SetVoiceByName(job["voice"].encode()) != 0:
        return 1, b""
    if job.get("spell"):
        rest = ctypes.c_char_p(job["text"].encode())
        pieces = []
        while rest.value:
            pieces.append(lib.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, 0) or b"")
        return 0, b" ".join(pieces)
    lib.espeak_SetParameter(RATE, int(job["rate"]), 0)
    lib.espeak_SetParameter(PITCH, int(job["pitch"]), 0)
    lib.espeak_SetParameter(RANGE, int(job["range"]), 0)
    # Breath and flutter come from two generators: the library's own, which starts from the clock,
    # and the C library's.
    lib.espeak_ng_SetRandSeed(ctypes.c_long(int(job["seed"])))
    ctypes.CDLL(None).srand(int(job["seed"]))
    text = job["text"].encode() + b"\0"
    flags = UTF8 | (PHONEMES if job["phonemes"] else 0)
    if lib.espeak_Synth(text, len(text), 0, 1, 0, flags, None, None) != 0:
        return 2, b""
    lib.espeak_Synchronize()
    return 0, b"".join(pieces)


def batch(lib: ctypes.CDLL, jobs: list) -> "list[tuple[int, bytes]]":
    """Status and samples of jobs spoken one after another by one fork.

    The list ends early when the fork died; its last entry is then the job that it died of.
    """
    end, start = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(end)
            for job in jobs:
                signal.alarm(SECONDS)
                status, data = speak(lib, job)
                view = memoryview(struct.pack("<II", status, len(data)) + data)
                while view:
                    view = view[os.write(start, view) :]
        finally:
            os._exit(0)
    os.close(start)
    answers: list[tuple[int, bytes]] = []
    with os.fdopen(end, "rb") as pipe:
        while len(answers) < len(jobs):
            head = pipe.read(8)
            status, length = struct.unpack("<II", head) if len(head) == 8 else (0, 0)
            data = pipe.read(length)
            if len(head) < 8 or len(data) < length:
                break
            answers.append((status, data))
    _, wait = os.waitpid(child, 0)
    if len(answers) < len(jobs):
        late = os.WIFSIGNALED(wait) and os.WTERMSIG(wait) == signal.SIGALRM
        answers.append((4 if late else 3, b""))
    return answers


def serve(lib: ctypes.CDLL) -> None:
    """Answer every line of stdin until it closes."""
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        jobs = json.loads(line)
        while jobs:
            answers = batch(lib, jobs)
            jobs = jobs[len(answers) :]
            for status, data in answers:
                out.write(struct.pack("<II", status, len(data)) + data)
        out.flush()


def main() -> None:
    """Initialise, say so, serve."""
    lib, rate = load(sys.argv[1], sys.argv[2])
    gc.disable()
    gc.freeze()
    sys.stdout.buffer.write(struct.pack("<i", rate))
    sys.stdout.buffer.flush()
    if rate > 0:
        serve(lib)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    main()
