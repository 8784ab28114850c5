"""The engine on small stages: resume, rebuild only what changed, lock, full disk, Ctrl-C, kill."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from convert.errors import UserError
from wakesmith.job import SETTINGS, Job, file_hashes
from wakesmith.pipeline import Pipeline, Stage, StoppedError, locked


class Notes:
    def __init__(self) -> None:
        self.events: list[str] = []

    def kept(self, stage: Stage) -> None:
        self.events.append(f"kept {stage.name}")

    def started(self, stage: Stage) -> None:
        self.events.append(f"started {stage.name}")

    def progress(self, stage: Stage, done: int, total: int, text: str) -> None:
        self.events.append(f"{stage.name} {done}/{total} {text}")

    def finished(self, stage: Stage, seconds: float) -> None:
        self.events.append(f"finished {stage.name}")


def line(**reads: object) -> list[Stage]:
    """words -> upper -> count, where `upper` can make the same bytes from different words."""

    def words(job: Job) -> None:
        (job.out / "sub").mkdir()
        (job.out / "sub" / "words.txt").write_text(str(reads["words"]))

    def upper(job: Job) -> None:
        job.progress(1, 2, "half")
        text = (job.inputs["words"] / "sub" / "words.txt").read_text()
        (job.out / "upper.txt").write_text(text.upper())

    def count(job: Job) -> None:
        text = (job.inputs["upper"] / "upper.txt").read_text()
        (job.out / "count.txt").write_text(str(len(text) * int(str(reads.get("times", 1)))))

    return [
        Stage("words", "collect", words, reads=reads["words"]),
        Stage("upper", "shout", upper, needs=("words",)),
        Stage("count", "count", count, needs=("upper",), reads=reads.get("times", 1)),
    ]


def run(folder: Path, stages: list[Stage], **options: object) -> list[str]:
    return Pipeline(folder, stages).run(Notes(), **options)  # type: ignore[arg-type]


def test_runs_once_and_then_keeps(tmp_path: Path) -> None:
    assert run(tmp_path, line(words="abc")) == ["words", "upper", "count"]
    assert run(tmp_path, line(words="abc")) == []
    assert (tmp_path / "stages" / "count" / "count.txt").read_text() == "3"


def test_rebuilds_only_what_changed(tmp_path: Path) -> None:
    run(tmp_path, line(words="abc"))
    assert run(tmp_path, line(words="abc", times=2)) == ["count"]
    assert run(tmp_path, line(words="abcd", times=2)) == ["words", "upper", "count"]
    # Same bytes out of `upper`: what comes after is not woken.
    assert run(tmp_path, line(words="ABCD", times=2)) == ["words", "upper"]


def test_settings_are_those_that_a_result_was_last_good_for(tmp_path: Path) -> None:
    def told(settings: object, **reads: object) -> object:
        stages = line(**reads)
        stages[1] = dataclasses.replace(stages[1], settings=settings)
        ran = run(tmp_path, stages)
        return ran, json.loads((tmp_path / "stages" / "upper" / SETTINGS).read_text())

    assert told({"a": 1}, words="abc") == (["words", "upper", "count"], {"a": 1})
    assert told({"a": 2}, words="abc") == ([], {"a": 2})  # and nothing is run again
    assert told({"a": 2}, words="abc") == ([], {"a": 2})


def test_until_and_force(tmp_path: Path) -> None:
    assert run(tmp_path, line(words="abc"), until="upper") == ["words", "upper"]
    assert run(tmp_path, line(words="abc"), force=True) == ["words", "upper", "count"]
    with pytest.raises(UserError, match="--until must be one of words, upper, count"):
        run(tmp_path, line(words="abc"), until="uper")


def test_progress_reaches_the_watcher(tmp_path: Path) -> None:
    notes = Notes()
    Pipeline(tmp_path, line(words="abc")).run(notes)
    assert "upper 1/2 half" in notes.events
    assert notes.events[0] == "started words"


def test_damaged_or_missing_results_are_made_again(tmp_path: Path) -> None:
    run(tmp_path, line(words="abc"))
    (tmp_path / "stages" / "upper" / "upper.txt").write_text("ABX")
    assert run(tmp_path, line(words="abc")) == ["upper"]
    (tmp_path / "stages" / "words" / "stage.json").write_text("{")
    assert run(tmp_path, line(words="abc")) == ["words"]
    (tmp_path / "stages" / "count" / "count.txt").unlink()
    assert run(tmp_path, line(words="abc")) == ["count"]


def test_a_change_of_code_rebuilds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, line(words="abc"))
    monkeypatch.setattr("wakesmith.pipeline.code_hash", lambda modules, data: "other")
    assert run(tmp_path, line(words="abc")) == ["words", "upper", "count"]


def test_stages_must_be_in_order(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not before it"):
        Pipeline(tmp_path, line(words="a")[1:])


def test_ctrl_c_keeps_finished_stages(tmp_path: Path) -> None:
    stages = line(words="abc")

    def stop(job: Job) -> None:
        (job.out / "half").write_text("half")
        raise KeyboardInterrupt

    broken = [*stages[:1], Stage("upper", "shout", stop, needs=("words",))]
    with pytest.raises(StoppedError, match=r"Stopped in stage upper.*kept \(words\)") as caught:
        run(tmp_path, broken)
    assert caught.value.finished == ("words",)
    assert sorted(p.name for p in (tmp_path / "stages").iterdir()) == ["words"]
    assert run(tmp_path, stages) == ["upper", "count"]


def test_ctrl_c_that_a_library_swallows_is_not_lost(tmp_path: Path) -> None:
    def deaf(job: Job) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except BaseException:  # as some of TensorFlow's imports do
            pass
        job.progress(1, 2, "going on")
        (job.out / "never").write_text("")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(StoppedError):
        run(tmp_path, [Stage("deaf", "not listening", deaf)])
    assert signal.getsignal(signal.SIGINT) is before
    assert not (tmp_path / "stages" / "deaf").exists()


def test_ctrl_c_between_two_stages_is_told_as_in_one(tmp_path: Path) -> None:
    class Pressing(Notes):
        def kept(self, stage: Stage) -> None:
            if stage.name == "upper":
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)

    stages = line(words="abc")
    run(tmp_path, stages)
    with pytest.raises(StoppedError, match=r"Stopped in stage upper.*kept \(words\)"):
        Pipeline(tmp_path, stages).run(Pressing())


def test_a_bug_leaves_the_old_result(tmp_path: Path) -> None:
    run(tmp_path, line(words="abc"))

    def fail(job: Job) -> None:
        (job.out / "count.txt").write_text("9")
        raise RuntimeError("bug")

    broken = [*line(words="abc")[:2], Stage("count", "count", fail, needs=("upper",), reads=7)]
    with pytest.raises(RuntimeError, match="bug"):
        run(tmp_path, broken)
    assert (tmp_path / "stages" / "count" / "count.txt").read_text() == "3"
    assert run(tmp_path, line(words="abc")) == []


def test_two_builds_in_one_folder_are_refused(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UserError) as caught:
        run(tmp_path, line(words="abc"))
    assert str(os.getpid()) in str(caught.value)
    assert "one build at a time" in str(caught.value)
    assert run(tmp_path, line(words="abc")) != []


def test_unwritable_build_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="must be writable"):
        run(tmp_path / "file" / "build", line(words="abc"))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        OSError("4096 requested and 1024 written"),
        RuntimeError("RESOURCE_EXHAUSTED: /x; No space left on device"),
    ],
)
def test_full_disk_is_one_sentence(tmp_path: Path, error: Exception) -> None:
    def fill(job: Job) -> None:
        (job.out / "half").write_text("half")
        raise error

    with pytest.raises(UserError, match="The disk must have room") as caught:
        run(tmp_path, [Stage("fill", "fill", fill)])
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "stages").iterdir()) == []


def test_full_disk_for_real(tmp_path: Path) -> None:
    """A file size limit makes the kernel refuse the write half way, as a full disk does."""
    script = textwrap.dedent(
        f"""
        import resource, signal, numpy
        from pathlib import Path
        from wakesmith.pipeline import Pipeline, Stage
        from convert.errors import UserError
        from tests.wakesmith.test_pipeline import Notes
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY}))
        def save(job):
            numpy.save(job.out / "big.npy", numpy.zeros(1_000_000))
        try:
            Pipeline(Path({str(tmp_path)!r}), [Stage("save", "save", save)]).run(Notes())
        except UserError as error:
            print(error)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.startswith("The disk must have room"), done.stderr
    assert list((tmp_path / "stages").iterdir()) == []


def test_a_killed_build_resumes(tmp_path: Path) -> None:
    """SIGKILL in the second stage: the first is kept, the half-made folder is swept away."""
    script = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from wakesmith.pipeline import Pipeline, Stage
        from tests.wakesmith.test_pipeline import Notes, line
        stages = line(words="abc")
        def hang(job):
            (job.out / "half").write_text("half")
            print("ready", flush=True)
            time.sleep(60)
        stages[1] = Stage("upper", "shout", hang, needs=("words",))
        Pipeline(Path({str(tmp_path)!r}), stages).run(Notes())
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with pytest.raises(UserError, match=f"process {process.pid}"):
            run(tmp_path, line(words="abc"))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(list((tmp_path / "stages").glob(".upper-*"))) == 1
    time.sleep(0.01)
    assert run(tmp_path, line(words="abc")) == ["upper", "count"]
    assert list((tmp_path / "stages").glob(".*")) == []


def test_file_hashes_see_every_byte(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    first = file_hashes(tmp_path)
    (tmp_path / "a").write_bytes(b"2")
    assert first.keys() == file_hashes(tmp_path).keys()
    assert first != file_hashes(tmp_path)
