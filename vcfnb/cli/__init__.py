"""The command line: ``./vcfnb.sh COMMAND``, or ``vcfnb COMMAND`` where the package is installed.

A command is a module of this package, named in :data:`COMMANDS`, with ``SUMMARY`` (one line), ``add_arguments(parser)``
and ``run(arguments)``, which returns the exit code: 0 fine, 1 something is wrong with what was given. Wrong usage is 2,
as argparse has it. Modules import what takes long inside ``run``, so that ``--help`` answers at once.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from vcfnb import __version__
from vcfnb.cli.output import problems_text
from vcfnb.errors import BadInput, VcfnbError

COMMANDS = ("check", "template", "predict", "validate", "features", "lab")
_ABOUT = (
    "Acute or chronic vertebral fracture, classified on CT. Research use only: not a medical device, not for diagnosis."
)


def main(argv=None):
    """Run a command with these arguments, by default the process' own, and return the exit code."""
    modules = {name: import_module(f"vcfnb.cli.{name}") for name in COMMANDS}
    parser = argparse.ArgumentParser(prog="vcfnb", description=_ABOUT)
    parser.add_argument("--version", action="version", version=f"vcfnb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in modules.items():
        told = f"{module.SUMMARY} Research use only."
        module.add_arguments(commands.add_parser(name, help=module.SUMMARY, description=told))
    arguments = parser.parse_args(argv)
    try:
        return modules[arguments.command].run(arguments)
    except BadInput as error:
        print(problems_text(error.problems), file=sys.stderr)
    except VcfnbError as error:
        print(f"vcfnb: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f"vcfnb: {arguments.command} needs {error.name} -> pip install 'vcfnb[study]'", file=sys.stderr)
    except OSError as error:
        print(f"vcfnb: {error.filename}: {error.strerror} -> check rights and free space", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nvcfnb: interrupted", file=sys.stderr)
        return 130
    return 1
