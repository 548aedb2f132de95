"""A SLURM of one machine, of its own, for tests: munged, slurmctld and slurmd out of one temporary folder."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys

from processes import wait_until

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
_CONF = """
ClusterName=vcfnb
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Why no SLURM can be started here; empty where it can."""
    absent = [name for name in _PROGRAMS if not shutil.which(name)]
    if absent:
        return f"no SLURM: {', '.join(absent)} not installed (apt-get install slurm-wlm munge)"
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can start a SLURM of its own"
    try:
        import snakemake_executor_plugin_slurm  # noqa: F401
    except ImportError:
        return "no SLURM plugin (.venv/bin/python -m pip install snakemake-executor-plugin-slurm)"
    return ""


def _free_ports(n):
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in opened:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in opened]


@contextlib.contextmanager
def cluster(folder, cpus=None):
    """Start the three daemons.

    Yields
    ------
    dict
        Environment for SLURM's commands.
    """
    host, cpus = socket.gethostname().split(".")[0], cpus or os.cpu_count()
    # Whatever a study asks for fits: nobody looks at what it takes.
    conf = _CONF.format(folder=folder, host=host, cpus=cpus, memory_mb=1_000_000, ports=_free_ports(2))
    (folder / "slurm.conf").write_text(conf)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    # The plugin's jobs call srun without SLURM_CONF, as if the file were in /etc.
    (folder / "bin").mkdir()
    (folder / "bin" / "srun").write_text(
        f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n'
    )
    (folder / "bin" / "srun").chmod(0o755)
    environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{folder}/bin:{os.environ['PATH']}"}
    munge = [
        *("munged", "--foreground", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket"),
        *(f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"),
    ]
    calls = (munge, ["slurmctld", "-D", "-i"], ["slurmd", "-D", "-N", host])
    started = []

    def start(call):
        with open(folder / f"{call[0]}.out", "w") as log:
            started.append(
                subprocess.Popen(
                    call,
                    env=os.environ | environment,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )

    def idle():
        found = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=os.environ | environment, capture_output=True, text=True
        )
        return found.stdout.strip() in ("idle", "mixed")

    try:
        start(calls[0])
        assert wait_until((folder / "munge.socket").exists, 30), (folder / "munged.out").read_text()
        for call in calls[1:]:
            start(call)
        assert wait_until(idle, 30), "".join(path.read_text() for path in sorted(folder.glob("slurm*.[ol]*")))
        yield environment
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
