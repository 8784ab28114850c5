from __future__ import annotations

import ctypes
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firmware import hostbuild
from firmware.errors import FirmwareError

ADD = {
    "add.c": '#include "add.h"\nint add(int a, int b) {\n    return a + b + OFFSET;\n}\n',
    "add.h": "int add(int a, int b);\n",
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAKESMITH_CACHE", str(tmp_path / "cache"))


def test_shared_library_is_called_and_cached(tmp_path: Path) -> None:
    first = hostbuild.build_shared(ADD, defines=["OFFSET=5"])
    assert ctypes.CDLL(str(first)).add(1, 2) == 8
    stamp = first.stat().st_mtime_ns
    out = tmp_path / "out" / "add.so"
    assert hostbuild.build_shared(ADD, out, defines=["OFFSET=5"]) == out
    assert ctypes.CDLL(str(out)).add(1, 2) == 8
    assert first.stat().st_mtime_ns == stamp
    assert hostbuild.build_shared(ADD, defines=["OFFSET=6"]) != first


def test_concurrent_builds_agree() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: hostbuild.build_shared(ADD, defines=["OFFSET=7"]), range(4)))
    assert len(set(made)) == 1
    assert ctypes.CDLL(str(made[0])).add(0, 0) == 7


def test_compile_error_carries_the_compilers_words() -> None:
    with pytest.raises(
        FirmwareError, match=r"C code must compile with zig\. Received: .*undeclared"
    ):
        hostbuild.build_shared({"bad.c": "int f(void) {\n    return nothing;\n}\n"})


def test_warnings_are_errors() -> None:
    with pytest.raises(FirmwareError, match="conversion"):
        hostbuild.build_shared({"w.c": "signed char f(int a);\nsigned char f(int a) {return a;}\n"})


def test_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match="must be readable"):
        hostbuild.build_shared({"x.c": tmp_path / "absent.c"})


def test_sanitizer_stops_at_undefined_behaviour() -> None:
    text = "int main(int n, char **v) {\n    (void)v;\n    return 0x7fffffff + n > 0;\n}\n"
    clean = hostbuild.build_host_executable({"m.c": text})
    assert subprocess.run([clean], check=False).returncode in (0, 1)
    program = hostbuild.build_host_executable({"m.c": text}, sanitize=True)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode not in (0, 1)
    assert "overflow" in done.stderr


def test_absent_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FirmwareError, match="gcc, which is not on PATH"):
        hostbuild.build_host_executable({"m.c": "int main(void) {return 0;}\n"}, compiler="gcc")


def test_a_full_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the linker ends without a word."""
    monkeypatch.setenv("WAKESMITH_CACHE", str(tmp_path))
    full = subprocess.CompletedProcess([], 1, "", "")
    monkeypatch.setattr(hostbuild.subprocess, "run", lambda *_, **__: full)
    with pytest.raises(FirmwareError, match="exit code 1 without a word"):
        hostbuild.build_shared({"a.c": "int a;"})
    usage = shutil.disk_usage(tmp_path)._replace(free=5000)
    monkeypatch.setattr(hostbuild.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(FirmwareError, match=r"must have room.*4 kB free"):
        hostbuild.build_shared({"a.c": "int a;"})
