"""The code that a result depends on: read from the imports, so that no list of files can be incomplete.

A module's code is its own file and, name by name, the modules that it takes names from: ``from vcfnb import images``
with ``images.read_image`` leads to the file that defines ``read_image``, and to no other file of ``vcfnb.images``.
Comments, docstrings and layout are not code.
"""

import ast
import contextlib
from functools import cache
from pathlib import Path

from vcfnb import runs
from vcfnb.errors import VcfnbError

PACKAGE = Path(__file__).resolve().parents[1]
# They carry, check and store what others compute: no number depends on them (parameters are compared by value).
FOUNDATIONS = frozenset({"vcfnb.errors", "vcfnb.params", "vcfnb.runs"})
_WITH_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# They draw, or put into words, what others computed: a change concerns the notebooks that show it, and none after them.
FIGURES = frozenset({"vcfnb.figures", "vcfnb.interactive", "vcfnb.report", "vcfnb.statistics.sentences"})
# Kinds of files beside modules that are part of their code.
_DATA = (".csv", ".json", ".safetensors", ".j2", ".css")


def code_of(*roots):
    """Digest of all code that modules (or names in them) depend on, and of the versions of packages."""
    return _digest(sorted(modules_of(*roots)))


def code_of_cells(sources, without=FOUNDATIONS):
    """As :func:`code_of`, for the code cells of a notebook and what they import."""
    tree = ast.parse("\n".join(sources))
    return _digest(sorted(_closure(_used(list(ast.walk(tree)), "notebook"), without)), ast.dump(tree))


def modules_of(*roots):
    """Names of the modules that :func:`code_of` looks at."""
    return _closure({found for root in roots for found in _whole(root)}, FOUNDATIONS)


def _closure(start, without):
    """All modules that those of `start` lead to; those of `without` are left out, with what only they import."""
    before, found, waiting = dict(_kept()), set(), list(start)
    while waiting:
        module = waiting.pop()
        if module in found or any(f"{module}.".startswith(f"{name}.") for name in without):
            continue
        found.add(module)
        waiting += _read(module)[0]
    if _kept() != before:
        # Where it cannot be written it is found anew each time.
        with contextlib.suppress(VcfnbError):
            runs.write_json(_kept(), _store())
    return found


@cache
def _whole(name):
    """A module; of a package all modules."""
    folder = _path(name)
    if not folder.is_dir():
        return (_resolve(*name.rpartition(".")[::2]),) if _file(name) is None else (name,)
    files = sorted(folder.rglob("*.py"))
    return tuple(".".join(("vcfnb", *file.relative_to(PACKAGE).with_suffix("").parts)) for file in files)


def _used(nodes, module):
    """The modules that code takes names from, given all nodes of its syntax tree."""
    aliases, found = {}, set()
    for node in nodes:
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == "vcfnb":
                    aliases[name.asname or "vcfnb"] = name.name if name.asname else "vcfnb"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vcfnb":
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                if _path(whole).is_dir() or _file(whole):
                    aliases[name.asname or name.name] = whole
                else:
                    found.add(_resolve(node.module, name.name))
    inside = set()
    for node in nodes:
        if isinstance(node, ast.Attribute) and (owner := _dotted(node.value, aliases)):
            inside.add(node.value)
            if not _path(f"{owner}.{node.attr}").is_dir():
                found.add(_resolve(owner, node.attr))
    for node in nodes:
        # A module that is handed on, or imported for what its import does.
        if isinstance(node, ast.Name) and node.id in aliases and node not in inside and aliases[node.id] != "vcfnb":
            found.update(_whole(aliases[node.id]))
    return {name for name in found if name and name != module}


def _dotted(node, aliases):
    """``images`` or ``models.saved`` as the module that it stands for, or None."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id)
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value, aliases)):
        whole = f"{owner}.{node.attr}"
        return whole if _path(whole).is_dir() or _file(whole) else None
    return None


@cache
def _resolve(module, name):
    """The module that defines a name which another one hands on; None for what has no code, such as a version."""
    if _file(f"{module}.{name}"):
        return f"{module}.{name}"
    if not _path(module).is_dir():
        return module if _file(module) else None
    handed_on = _handed_on(module)
    return _resolve(*handed_on[name]) if name in handed_on else None if module == "vcfnb" else f"{module}.__init__"


@cache
def _handed_on(package):
    """Names that a package hands on, at once or (``_PUBLIC``) on first use: the module and its name for each."""
    found = {}
    for node in ast.parse(_file(f"{package}.__init__").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vcfnb"):
            found |= {given.asname or given.name: (node.module, given.name) for given in node.names}
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_PUBLIC":
            found |= {name: (f"{package}.{place}", name) for name, place in ast.literal_eval(node.value).items()}
    return found


def _path(name):
    return PACKAGE.joinpath(*name.split(".")[1:])


@cache
def _file(name):
    path = _path(name).with_suffix(".py")
    return path if path.is_file() else None


@cache
def _versions():
    return runs.versions()


def _read(module):
    """The modules that a module takes names from, and a digest of its code; kept, as parsing takes seconds."""
    stat, kept = _file(module).stat(), _kept()
    mark = [_layout(), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
    if kept.get(module, [None])[0] != mark:
        tree = ast.parse(_file(module).read_text(encoding="utf-8"))
        nodes = list(ast.walk(tree))
        used = sorted(_used(nodes, module))
        for node in nodes:
            if isinstance(node, _WITH_DOCSTRINGS) and ast.get_docstring(node, clean=False) is not None:
                del node.body[0]
        kept[module] = [mark, used, runs.digest(ast.dump(tree))]
    return kept[module][1:]


@cache
def _layout():
    """What names lead to: which modules there are, and what packages hand on."""
    files = sorted(PACKAGE.rglob("*.py"))
    handing_on = [[path.stat().st_size, path.stat().st_mtime_ns] for path in files if path.name == "__init__.py"]
    return runs.digest([str(path) for path in files], handing_on)


def _store():
    return runs.default_root() / ".code.json"


@cache
def _kept():
    return runs.read_json(_store()) or {}


def _digest(modules, *more):
    """Of modules, of the data files in their packages (such as shipped weights and templates), and of versions."""
    folders = {_path(name).parent for name in modules} - {PACKAGE}
    files = {file for folder in folders for file in folder.rglob("*") if file.suffix in _DATA}
    return runs.digest(_versions(), {name: _read(name)[1] for name in modules}, *sorted(files), *more)
