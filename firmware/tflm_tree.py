"""A TFLite Micro tree outside of this repository, and the library that was built in it.

TFLite Micro's own Makefile builds its target `microlite` into

    gen/<target>_<architecture>_<build type>[_<kernels>]_gcc/lib/libtensorflow-microlite.a

The names of that folder also say which definitions its headers must be read with. The folder of the
right core is looked for; whether the code in it is for that core is read off the code itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection

from firmware.cores import Core
from firmware.errors import FirmwareError

LIBRARY = "libtensorflow-microlite.a"
PROVEN_COMMIT = "90b983c2b3f1480642e040bbd2ddb37b998f3424"
"""The commit of TFLite Micro (2026-08-20) that everything here was proven with."""

_DOWNLOADS = Path("tensorflow/lite/micro/tools/make/downloads")
_INCLUDES = (
    Path(),
    _DOWNLOADS / "flatbuffers/include",
    _DOWNLOADS / "gemmlowp",
    _DOWNLOADS / "ruy",
    _DOWNLOADS / "kissfft",
)
_INTERPRETER = Path("tensorflow/lite/micro/micro_interpreter.h")
_CALLBACK = Path("tensorflow/lite/micro/cortex_m_generic/debug_log_callback.h")
_COMMON = Path("tensorflow/lite/micro/micro_common.h")
_FLATBUFFERS = _DOWNLOADS / "flatbuffers/include/flatbuffers/flatbuffers.h"
_HOW = "Its cortex_m_generic/README.md says how microlite is built"

# Definitions that its Makefile compiles with and that change what the headers mean.
_ALWAYS = ("TF_LITE_STATIC_MEMORY", "TF_LITE_DISABLE_X86_NEON")
_BUILD_TYPES: Mapping[str, tuple[str, ...]] = {
    "default": (),
    "debug": (),
    "release_with_logs": ("NDEBUG",),
    "release": ("NDEBUG", "TF_LITE_STRIP_ERROR_STRINGS"),
}
_FOLDER = re.compile(
    r"cortex_m_generic_(?P<arch>cortex-m[0-9a-z+]+)_"
    rf"(?P<build>{'|'.join(_BUILD_TYPES)})(?:_(?P<kernels>cmsis_nn))?_gcc"
)


@dataclass(frozen=True)
class Architecture:
    """How TFLite Micro calls a core, and what code for it says of itself.

    Attributes:
        name: TARGET_ARCH of its Makefile.
        cpu: Tag_CPU_arch of the object files (Addenda to the ABI for the Arm architecture,
            IHI 0045, section 3.3.5.2).
        fp: Tag_FP_arch, same section; 0 without an FPU.
        vfp_arguments: Tag_ABI_VFP_args: 1 when floats are passed in registers of the FPU.
    """

    name: str
    cpu: int
    fp: int
    vfp_arguments: int


ARCHITECTURES: Mapping[str, Architecture] = {
    "cortex-m0": Architecture("cortex-m0", 12, 0, 0),
    "cortex-m0plus": Architecture("cortex-m0plus", 12, 0, 0),
    "cortex-m3": Architecture("cortex-m3", 10, 0, 0),
    "cortex-m4f": Architecture("cortex-m4+fp", 13, 6, 1),
    "cortex-m7f": Architecture("cortex-m7+fp", 13, 8, 1),
    "cortex-m33f": Architecture("cortex-m33", 17, 8, 1),
    "cortex-m55": Architecture("cortex-m55", 21, 8, 1),
}
"""By the name of the core in `firmware.cores`."""

_CPU_WORDS = {
    **{10: "Armv7-M", 11: "Armv6-M", 12: "Armv6-M", 13: "Armv7E-M", 16: "Armv8-M baseline"},
    **{17: "Armv8-M", 21: "Armv8.1-M"},
}
_FP_WORDS = {0: "no FPU", 6: "FPv4", 8: "FPv5"}


@dataclass(frozen=True)
class TflmLibrary:
    """One library and how to compile against it.

    Attributes:
        tree: top of the TFLite Micro tree.
        archive: the library.
        build_type: BUILD_TYPE that it was built with.
        kernels: OPTIMIZED_KERNEL_DIR that it was built with; "" for the reference kernels.
    """

    tree: Path
    archive: Path
    build_type: str
    kernels: str

    @property
    def includes(self) -> tuple[Path, ...]:
        """Folders with its headers and those of its third parties."""
        return tuple((self.tree / folder).resolve() for folder in _INCLUDES)

    @property
    def defines(self) -> tuple[str, ...]:
        """What its headers must be read with."""
        kernels = (self.kernels.upper(),) if self.kernels else ()
        return (*_ALWAYS, *_BUILD_TYPES[self.build_type], *kernels)

    @property
    def about(self) -> str:
        """One phrase for reports."""
        return f"{self.kernels or 'reference'} kernels, build type {self.build_type}"


def find_library(folder: Path, core: Core) -> TflmLibrary:
    """The library for a core.

    Args:
        folder: a TFLite Micro tree, or one of the folders in its `gen`, where more than one fits.
        core: what it must be for.

    Raises:
        FirmwareError: as for `find_libraries`; there are several.
    """
    fitting = find_libraries(folder, core)
    if len(fitting) > 1:
        names = [library.archive.parent.parent for library in fitting]
        raise FirmwareError(
            f"One library of TFLite Micro must be for {ARCHITECTURES[core.name].name}. Received: "
            f"{', '.join(name.name for name in names)}. Name one of them: {names[0]}."
        )
    return fitting[0]


def find_libraries(folder: Path, core: Core) -> tuple[TflmLibrary, ...]:
    """All libraries for a core: with other kernels, other build types; one or more.

    Raises:
        FirmwareError: the folder is no TFLite Micro tree, its headers are too old, it has no
            library for the core, or the code in one is for another core.
    """
    tree, chosen = _tree(folder)
    _check_headers(tree)
    architecture = ARCHITECTURES[core.name]
    built = {path.parent.parent.name: path for path in sorted(tree.glob(f"gen/*/lib/{LIBRARY}"))}
    fitting = []
    for name, path in built.items():
        found = _FOLDER.fullmatch(name)
        if found and found["arch"] == architecture.name and chosen in ("", name):
            fitting.append(TflmLibrary(tree, path, found["build"], found["kernels"] or ""))
    if not fitting:
        there = chosen or ", ".join(built) or "none"
        raise FirmwareError(
            f"The TFLite Micro tree must hold {LIBRARY} for TARGET=cortex_m_generic, "
            f"TARGET_ARCH={architecture.name}. Received: {there} in {tree / 'gen'}. {_HOW}."
        )
    for library in fitting:
        _check_code(library.archive, architecture)
    return tuple(fitting)


def _tree(folder: Path) -> tuple[Path, str]:
    """The tree and, where one of the folders in its `gen` was named, that folder's name.

    Raises:
        FirmwareError: neither.
    """
    if not folder.is_dir():
        raise FirmwareError(
            f"The TFLite Micro folder must exist. Received: {folder}. "
            "Name a tflite-micro source tree in which microlite has been built."
        )
    if (folder / _INTERPRETER).is_file():
        return folder, ""
    full = folder.resolve()
    if full.parent.name == "gen" and (full.parent.parent / _INTERPRETER).is_file():
        return full.parent.parent, full.name
    raise FirmwareError(
        f"The TFLite Micro folder must be a tflite-micro source tree. Received: {folder}, which "
        f"has no {_INTERPRETER}."
    )


def _check_headers(tree: Path) -> None:
    """Look for what the harness needs of them.

    Raises:
        FirmwareError: the tree is too old, or its third parties were never downloaded.
    """
    common = tree / _COMMON
    try:
        new = (tree / _CALLBACK).is_file() and "TFLMRegistration" in common.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        new = False
    if not new:
        raise FirmwareError(
            "The headers of TFLite Micro must be of 2023 or newer. Received: "
            f"{tree}, whose {_COMMON} does not have TFLMRegistration. "
            f"Check out a newer commit; {PROVEN_COMMIT[:12]} is known to work."
        )
    if not (tree / _FLATBUFFERS).is_file():
        raise FirmwareError(
            "The third parties of TFLite Micro must be in its tree. Received: "
            f"{tree}, which has no {_FLATBUFFERS}. {_HOW}, which downloads them."
        )


def _check_code(archive: Path, architecture: Architecture) -> None:
    """Read the first object file of an archive for what it was compiled for.

    Raises:
        FirmwareError: the archive is damaged or for another core.
    """
    attributes = read_attributes(archive)
    fp = attributes.get("TAG_FP_ARCH", 0)
    arguments = attributes.get("TAG_ABI_VFP_ARGS", 0)
    cpu = attributes.get("TAG_CPU_ARCH", 0)
    if (cpu, fp, arguments) == (architecture.cpu, architecture.fp, architecture.vfp_arguments):
        return
    raise FirmwareError(
        f"The library of TFLite Micro must be code for {architecture.name} "
        f"({_words(architecture.cpu, architecture.fp, architecture.vfp_arguments)}). Received: "
        f"{archive}, which is for {_words(cpu, fp, arguments)}. Build it again for this core."
    )


def _words(cpu: int, fp: int, arguments: int) -> str:
    floats = "hard" if arguments else "soft"
    cpu_word, fp_word = _CPU_WORDS.get(cpu, f"cpu {cpu}"), _FP_WORDS.get(fp, f"FPU {fp}")
    return f"{cpu_word}, {fp_word}, {floats} float"


def read_attributes(archive: Path) -> dict[str, int]:
    """The Arm build attributes of the first object file in an `ar` archive, by their tag's name.

    Raises:
        FirmwareError: it is no archive of object files for Arm.
    """
    try:
        elf = ELFFile(io.BytesIO(_first_object(archive)))
        section = elf.get_section_by_name(".ARM.attributes")
        if not isinstance(section, ARMAttributesSection):
            raise ELFError("its object files are not for Arm")
        return {
            attribute.tag: attribute.value
            for part in section.iter_subsections()
            for group in part.iter_subsubsections()
            for attribute in group.iter_attributes()
            if isinstance(attribute.value, int)
        }
    except (OSError, ELFError, ValueError, KeyError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise FirmwareError(
            f"The library of TFLite Micro must be an archive of object files for Arm. Received: "
            f"{archive} ({reason.rstrip('.')}). Build it again."
        ) from error


def _first_object(archive: Path) -> bytes:
    """The first member that is an ELF; the format is that of `ar` (System V and GNU).

    Raises:
        OSError: it cannot be read.
        ValueError: it is no archive, or has no such member.
    """
    with archive.open("rb") as file:
        if file.read(8) != b"!<arch>\n":
            raise ValueError("not an archive")
        while len(header := file.read(60)) == 60:
            if header[58:] != b"`\n":
                raise ValueError("damaged archive")
            size = int(header[48:58])
            data = file.read(size)
            if data.startswith(b"\x7fELF"):
                return data
            file.seek(size % 2, io.SEEK_CUR)
    raise ValueError("no object file in it")
