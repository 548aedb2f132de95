"""Interrupted, on a full disk, out of memory: nothing half-written counts, a next run goes on. Slow: whole studies."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch
from cases import ball, image, texture, write
from processes import die_at_three, processes_of, wait_until
from safetensors.torch import save_file
from study import UNDRAWN, executed, run_all, start_all, tables, tiny

from vcfnb import images, preprocessing, runs
from vcfnb.errors import CannotWrite, VcfnbError
from vcfnb.params import PreprocessingParams

KILLS = 10
# Proportions of an uninterrupted run's time after which a run is killed: within the first step, and some steps later.
RANDOM_MOMENTS = (0.05, 0.3)
needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


# ---- processes


def on_linux_mount(folder, *options):
    """Mount a tmpfs; skip where that is not possible."""
    folder.mkdir(exist_ok=True)
    call = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root on Linux can mount a small disk")
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 300 kB."""
    on_linux_mount(tmp_path / "disk", "size=300k")
    yield tmp_path / "disk"
    subprocess.run(["umount", "-l", str(tmp_path / "disk")], check=True)


_TREE = """
import os, time
from vcfnb import runs

def work(item):
    # In one piece: two workers write at once.
    os.write(1, f"{os.getpid()}\\n".encode())
    end = time.monotonic() + 300
    while time.monotonic() < end:
        pass

list(runs.parallel_map(work, range(4), cores=2))
"""


def test_workers_end_with_the_process_that_started_them(tmp_path):
    (tmp_path / "tree.py").write_text(_TREE)
    process = subprocess.Popen([sys.executable, str(tmp_path / "tree.py")], stdout=subprocess.PIPE, text=True)
    workers = [int(process.stdout.readline()) for _ in range(2)]
    assert all(alive(worker) for worker in workers)
    process.kill()
    process.wait()
    assert wait_until(lambda: not any(alive(worker) for worker in workers))


def alive(number):
    try:
        os.kill(number, 0)
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_killed_worker_is_named_and_the_next_call_works():
    with pytest.raises(VcfnbError, match=r"a worker process was killed, .*memory.* -> .*--cores 1.*the same command"):
        list(runs.parallel_map(die_at_three, range(8), cores=2))
    assert list(runs.parallel_map(die_at_three, [0, 1, 2], cores=2)) == [0, 1, 2]


# ---- files


def _writers():
    noise = np.random.default_rng(0).normal(size=(60, 60, 60))
    volume = image((noise * 500).astype(np.int16))

    def tensors(path):
        with runs.atomic(path) as temporary:
            save_file({"a": torch.zeros(200_000)}, temporary)

    def figure(path):
        import matplotlib.pyplot as plt

        drawn, axes = plt.subplots()
        axes.imshow(noise.reshape(360, 600), interpolation="nearest")
        plt.close(drawn)
        runs.save_figure(drawn, path.with_suffix(""), pd.DataFrame(noise.reshape(-1, 60)))

    return {
        "image.nii.gz": lambda path: images.write_image(volume, path),
        "image.nii": lambda path: images.write_image(volume, path),
        "table.csv": lambda path: runs.write_csv(pd.DataFrame(noise.reshape(-1, 60)), path),
        "note.json": lambda path: runs.write_json({"a": noise}, path),
        "model.safetensors": tensors,
        "figure.png": figure,
    }


@pytest.mark.parametrize("name", _writers())
def test_a_full_disk_leaves_the_old_file_and_nothing_half(small_disk, name):
    path = small_disk / name
    path.write_text("old")
    with pytest.raises(CannotWrite, match="the disk is full -> free space there.*the same command goes on"):
        _writers()[name](path)
    assert {file.name: file.read_bytes() for file in small_disk.iterdir()} == {name: b"old"}


def test_itk_does_not_say_that_a_disk_is_full(small_disk):
    """Why written images are looked at again: when this fails, write_image may do without."""
    volume = image((np.random.default_rng(0).normal(size=(60, 60, 60)) * 500).astype(np.int16))
    sitk.WriteImage(volume, str(small_disk / "image.nii.gz"))
    assert (small_disk / "image.nii.gz").stat().st_size <= 300 * 1024


def test_a_file_in_the_place_of_the_results_folder(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(CannotWrite, match="a file stands where a folder should be -> move it.*VCFNB_RUNS"):
        runs.Run("x", tmp_path / "runs").path("cohort", "cohort.csv")
    finished = run_all(tmp_path / "runs", "params/smoke.yaml", check=False)
    assert finished.returncode == 1
    assert re.fullmatch(r"vcfnb: .*runs/smoke: cannot be written, a file stands .* -> move it, .*\n", finished.stderr)


@pytest.mark.parametrize("study_is_there", [False, True])
def test_a_read_only_results_folder(tmp_path, study_is_there):
    folder = tmp_path / "disk"
    on_linux_mount(folder, "size=1m")
    try:
        if study_is_there:
            (folder / "smoke" / "logs").mkdir(parents=True)
            (folder / "smoke" / ".lock").touch()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        with pytest.raises(CannotWrite, match="read-only"):
            runs.write_json({}, folder / "note.json")
        finished = run_all(folder, "params/smoke.yaml", check=False)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    assert finished.returncode == 1
    told = r"vcfnb: .*smoke.*: cannot be written, the folder is read-only -> choose one .*VCFNB_RUNS\)\n"
    assert re.fullmatch(told, finished.stderr)


def test_a_half_renewed_case_is_not_taken_for_the_old_one(tmp_path, monkeypatch):
    """Killed between a case's image and its mask, under other settings; then the old settings again."""
    row = {"case_id": "C", "label": 1}
    row["image"] = str(write(image(texture(), (1, 1, 2)), tmp_path / "ct.nii.gz"))
    row["mask"] = str(write(image(ball(), (1, 1, 2)), tmp_path / "mask.nii.gz"))
    table, out = pd.DataFrame([row]), tmp_path / "out"
    old, new = PreprocessingParams(), PreprocessingParams(window_width=400)
    preprocessing.preprocess_cohort(table, out, old, [0], cores=1)
    first = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "C_ct.nii.gz")))
    write_image, written = images.write_image, []

    def killed_at_the_mask(volume, path):
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(path)
        write_image(volume, path)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(images, "write_image", killed_at_the_mask)
        preprocessing.preprocess_cohort(table, out, new, [0], cores=1)
    preprocessing.preprocess_cohort(table, out, old, [0], cores=1)
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(out / "C_ct.nii.gz"))), first)


# ---- studies


def nothing_half(study):
    assert not list(study.rglob(".writing-*"))
    assert not list(study.rglob("*.running.ipynb")) + list(study.rglob("*.failed.ipynb"))


@pytest.mark.study
@needs_proc
def test_killed_when_notebooks_begin_a_study_goes_on(interrupted):
    """That its tables are those of a study that was never killed: test_notebooks.py."""
    nothing_half(interrupted.study)
    # What was finished was not made again.
    assert interrupted.kept
    steps = interrupted.kept + executed(interrupted.finished)
    assert len(set(steps)) == len(steps)
    every = set(interrupted.steps + executed(interrupted.finished))
    assert every == {path.stem for path in (interrupted.study / "notebooks").glob("*.ipynb")}


@pytest.mark.study
@needs_proc
def test_killed_runs_leave_no_process(interrupted):
    assert interrupted.left == [True] * 4


@pytest.mark.study
@pytest.mark.long
@needs_proc
def test_killed_ten_times_at_random_a_study_ends_with_the_same_tables(uninterrupted):
    folder, rng = uninterrupted.folder / "random", np.random.default_rng(7)
    kills, steps, left = 0, [], []
    while kills < KILLS:
        process = start_all(folder, *tiny(uninterrupted.csv), group=True, **UNDRAWN)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(*RANDOM_MOMENTS) * uninterrupted.seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            kills += 1
            if kills % 2:
                # The others start at once, beside what is left of the killed run.
                left.append(wait_until(lambda: not processes_of(folder)))
        else:
            # It came to its end before its moment: from the beginning.
            said, failed = process.communicate()
            assert process.returncode == 0, said + failed
            shutil.rmtree(folder / "tiny")
        steps += executed(said)
    steps += executed(run_all(folder, *tiny(uninterrupted.csv), **UNDRAWN))
    assert len(left) == KILLS // 2 and all(left)
    assert set(steps) == set(executed(uninterrupted.finished))
    first, second = tables(uninterrupted.study), tables(folder / "tiny")
    assert len(first) > 40
    assert set(first) == set(second)
    assert [name for name in first if first[name] != second[name]] == []
    nothing_half(folder / "tiny")


@pytest.mark.study
@needs_proc
def test_ctrl_c_says_what_is_kept(interrupted):
    said = interrupted.ctrl_c
    assert said.returncode == 130
    told = f"vcfnb: interrupted. What was finished is kept in {interrupted.study}; the same command goes on from there."
    assert told in said.stderr
    assert "Traceback" not in said.stdout + said.stderr
    assert "FAILED" not in said.stdout


@pytest.mark.study
@needs_proc
def test_a_second_run_beside_the_first_says_so_and_ends(interrupted):
    assert interrupted.beside.returncode == 1
    told = f"vcfnb: another run of study 'smoke' is at work in {interrupted.study} -> wait for it, or stop it\n"
    assert interrupted.beside.stderr == told
    assert interrupted.beside.stdout == ""


@pytest.mark.study
@pytest.mark.long
def test_a_disk_that_fills_up(uninterrupted):
    """The message, and after more room was made the same tables."""
    folder = uninterrupted.folder / "small"
    on_linux_mount(folder, "size=1500k")
    call = (*tiny(uninterrupted.csv), "--until", "preprocessing")
    try:
        finished = run_all(folder, *call, check=False)
        assert finished.returncode == 1
        assert "the disk is full -> free space there; what was finished is kept" in finished.stdout
        assert "the same command goes on" in finished.stderr
        assert "Traceback" not in finished.stdout + finished.stderr
        subprocess.run(["mount", "-o", "remount,size=200m", str(folder)], check=True)
        run_all(folder, *call)
        found = tables(folder / "tiny")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    expected = tables(uninterrupted.study)
    assert {name.split("/")[0] for name in found} == {"00_cohort", "01_preprocessing"}
    assert [name for name in found if found[name] != expected[name]] == []


@pytest.mark.study
@needs_proc
def test_a_worker_or_a_kernel_that_the_system_kills(interrupted):
    """As it does when memory runs out: the message says so."""
    told = {"00_cohort": "a worker process was killed", "07_statistics": "the kernel ended by itself"}
    for killed, (notebook, why) in zip(interrupted.killed, told.items(), strict=True):
        assert killed.returncode == 1
        assert re.search(rf"{notebook} +FAILED", killed.stdout)
        assert f"{why}, most often because memory ran out -> " in killed.stdout
        assert "the same command goes on" in killed.stdout + killed.stderr
