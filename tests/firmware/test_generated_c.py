"""Contract 3 as a compiler and a linker see it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection

from convert.emit_aot import GeneratedModel, emit_model
from convert.tflite_reader import read
from firmware.hostbuild import INCLUDE_DIR, KERNEL_DIR, build_host_executable
from tests.firmware.generated_cases import generated_cases
from tests.op_cases import op_cases

STRICT = ["-std=c99", "-O2", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wconversion"]
STRICT += ["-Wsign-conversion", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes"]
STRICT += ["-Wcast-qual", "-Wundef", "-Wvla"]
CASES_PER_FAMILY = 4
ZIG = [sys.executable, "-m", "ziglang"]
CORTEX = ["-target", "thumb-freestanding-eabi", "-ffreestanding", "-fno-sanitize=undefined"]
MAIN = '#include "model.h"\nint main(void) {\n    model_init();\n    return model_invoke();\n}\n'


@pytest.fixture(scope="module")
def model() -> GeneratedModel:
    case = next(iter(op_cases("network")))
    return emit_model(read(case.model), labels=())


@pytest.fixture(scope="module")
def folder(model: GeneratedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated files, and one unit that holds some cases of every operator family."""
    where = tmp_path_factory.mktemp("generated")
    for name, text in model.files.items():
        (where / name).write_text(text)
    includes = []
    taken: Counter[str] = Counter()
    for c in generated_cases():
        taken[c.case.family] += 1
        if taken[c.case.family] > CASES_PER_FAMILY:
            continue
        for name, text in c.generated.files.items():
            (where / name).write_text(text)
        includes.append(f'#include "{c.generated.prefix}.c"\n')
    (where / "all.c").write_text("".join(includes))
    return where


def _compile(command: list[str], source: Path, folder: Path, out: Path, *flags: str) -> Path:
    run = [*command, *flags, f"-I{INCLUDE_DIR}", f"-I{folder}", "-c", str(source), "-o", str(out)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    return out


def _sources(folder: Path) -> list[Path]:
    return [folder / "all.c", folder / "model.c", *sorted(KERNEL_DIR.glob("*.c"))]


@pytest.mark.parametrize(
    "compiler",
    ["gcc", "clang", pytest.param("arm-none-eabi-gcc", marks=pytest.mark.arm_gcc)],
)
def test_compiles_without_a_warning(compiler: str, folder: Path, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} on PATH")
    for source in _sources(folder):
        _compile([compiler], source, folder, tmp_path / "x.o", *STRICT)


@pytest.mark.parametrize("core", ["cortex_m0", "cortex_m4-vfp4d16sp"])
def test_needs_only_memcpy_and_memset(core: str, folder: Path, tmp_path: Path) -> None:
    """Also with the zig compiler and every warning; __aeabi_* is the compiler's own arithmetic."""
    undefined: set[str] = set()
    defined: set[str] = set()
    for source in _sources(folder):
        flags = [*CORTEX, f"-mcpu={core}", *STRICT]
        made = _compile([*ZIG, "cc"], source, folder, tmp_path / f"{source.stem}.o", *flags)
        with made.open("rb") as file:
            for symbol in ELFFile(file).get_section_by_name(".symtab").iter_symbols():
                if symbol["st_info"]["bind"] == "STB_GLOBAL":
                    there = symbol["st_shndx"] != "SHN_UNDEF"
                    (defined if there else undefined).add(symbol.name)
    outside = {name for name in undefined - defined if not name.startswith("__aeabi_")}
    assert outside <= {"memcpy", "memset"}


def test_constants_are_in_flash_and_only_the_arena_in_ram(
    model: GeneratedModel, folder: Path, tmp_path: Path
) -> None:
    flags = [*CORTEX, "-mcpu=cortex_m4-vfp4d16sp", *STRICT]
    for source in (folder / "model.c", *sorted(KERNEL_DIR.glob("*.c"))):
        made = _compile([*ZIG, "cc"], source, folder, tmp_path / "x.o", *flags)
        with made.open("rb") as file:
            elf = ELFFile(file)
            sizes = {"flash": 0, "written": 0, "zeroed": 0}
            for section in elf.iter_sections():
                if not section["sh_flags"] & 2:  # not loaded
                    continue
                if section["sh_flags"] & 1:  # writable
                    kind = "zeroed" if section["sh_type"] == "SHT_NOBITS" else "written"
                    sizes[kind] += section["sh_size"]
                elif not isinstance(section, RelocationSection):
                    sizes["flash"] += section["sh_size"]
            assert sizes["written"] == 0, source.name
            if source.name == "model.c":
                assert sizes["zeroed"] == model.arena_size
                assert sizes["flash"] >= model.flash_bytes
            else:
                assert sizes["zeroed"] == 0


def test_header_works_from_cpp(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "main.cpp"
    source.write_text(MAIN)
    flags = ["-std=c++11", "-Wall", "-Wextra", "-Werror"]
    made = _compile([*ZIG, "c++"], source, folder, tmp_path / "main.o", *flags)
    with made.open("rb") as file:
        names = {s.name for s in ELFFile(file).get_section_by_name(".symtab").iter_symbols()}
    assert {"model_init", "model_invoke"} <= names


def test_runs_without_the_observer(model: GeneratedModel) -> None:
    sources = {**model.files, "main.c": MAIN}
    sources.update({name: KERNEL_DIR / name for name in model.kernels})
    assert subprocess.run([build_host_executable(sources)], check=False).returncode == 0
