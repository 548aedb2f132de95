"""Errors have fields for code and a message for people; the same problem of many cases is one line."""

import ast
import pickle
import re
from pathlib import Path

import pandas as pd
import pytest

from vcfnb import figures, runs
from vcfnb.errors import COLUMNS, BadInput, CannotWrite, VcfnbError, folded
from vcfnb.params import ParameterError
from vcfnb.preprocessing import crops

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "vcfnb").rglob("*.py"), *(ROOT / "workflow").glob("*.py"), *ROOT.glob("experiments/*/*.py")])
# Where a library tells by its text alone what is wrong, or its reason is passed on to the user.
QUOTES_A_LIBRARY = {
    "vcfnb/preprocessing/crops.py",
    "vcfnb/images/files.py",
    "vcfnb/dtl/networks/weights.py",
    "vcfnb/runs/files.py",
    "workflow/execute.py",
}
MADE_BY = ("VcfnbError", "CannotWrite", "ParameterError", "BadInput.of", "problem", "_problem")


def missing(n, **columns):
    """The table of n cases whose files are missing."""
    names = [f"P{number:03d}" for number in range(1, n + 1)]
    rows = {"file": [f"ct/{name}.nii" for name in names], "problem": "the file is missing", "remedy": "check the path"}
    return pd.DataFrame({"case_id": names} | rows | {"code": "file-missing"} | columns)


@pytest.mark.parametrize("kind", [VcfnbError, CannotWrite, ParameterError])
def test_an_error_has_fields_and_comes_whole_through_pickle(kind):
    error = kind("is empty", "draw it", code="mask-empty", case="P1", file=Path("a b/P1.nii"))
    for found in (error, pickle.loads(pickle.dumps(error))):
        assert type(found) is kind and str(found) == "P1 a b/P1.nii: is empty -> draw it"
        fields = (found.case, found.file, found.problem, found.remedy, found.code)
        assert fields == ("P1", "a b/P1.nii", "is empty", "draw it", "mask-empty")


@pytest.mark.parametrize(
    ("fields", "message"), [({}, "is empty"), ({"case": "P1"}, "P1: is empty"), ({"file": "a.nii"}, "a.nii: is empty")]
)
def test_what_is_not_known_is_not_said(fields, message):
    assert str(VcfnbError("is empty", code="mask-empty", **fields)) == message


def test_an_error_cannot_be_made_without_a_code():
    with pytest.raises(TypeError, match="code"):
        VcfnbError("is empty", "draw it")


def test_bad_input_has_all_problems_and_the_fields_of_the_first():
    error = BadInput(missing(3, severity="error").iloc[1:])
    for found in (error, pickle.loads(pickle.dumps(error))):
        assert found.problems.columns.tolist() == COLUMNS
        assert found.problems.case_id.tolist() == ["P002", "P003"]
        assert (found.case, found.file, found.code) == ("P002", "ct/P002.nii", "file-missing")
        assert str(found) == str(error)


def test_rows_name_the_case_and_a_file_where_there_is_none():
    plain = VcfnbError("is empty", "draw it", code="mask-empty")
    assert [list(row.values()) for row in plain.rows("P1", Path("m.nii"))] == [
        ["P1", "m.nii", "is empty", "draw it", "mask-empty"]
    ]
    first, second = {"file": "a.nii", "problem": "x", "code": "c"}, {"case_id": "the case", "problem": "y", "code": "d"}
    both = BadInput([first, second])
    assert [[row["case_id"], row["file"], row["code"]] for row in both.rows("P2", "m.nii")] == [
        ["P2", "a.nii", "c"],
        ["P2", "m.nii", "d"],
    ]
    assert [row["case_id"] for row in both.rows()] == ["", "the case"]


def _refuse(_):
    raise VcfnbError("is empty", "draw it", code="mask-empty", case="P1")


def test_errors_of_workers_keep_their_fields():
    with pytest.raises(VcfnbError, match="^P1: is empty -> draw it$") as error:
        list(runs.parallel_map(_refuse, range(2), cores=2))
    assert (error.value.case, error.value.code) == ("P1", "mask-empty")


def test_an_error_that_gets_its_case_later_keeps_its_code():
    case = {"case_id": "P1", "mask": "m.nii"}
    with pytest.raises(BadInput, match="P1 m.nii: the mask is empty -> draw") as error, crops.naming(case, "mask"):
        crops.bounding_box([[[0]]])
    assert error.value.code == "mask-empty"
    with pytest.raises(VcfnbError, match=r"^P1: reader A .* -> put both on one grid$") as error:
        figures.montage([{"case_id": "P1", "label": 1, "image": [[[0]]], "mask": [[[0, 0]]]}])
    assert (error.value.case, error.value.code) == ("P1", "grid-mismatch")


# ---- many cases, one line


def test_the_same_problem_of_many_cases_is_one_line():
    said = str(BadInput(missing(218))).splitlines()
    assert said == [
        "218 problem(s) in the input:",
        "  218 cases (P001, P002, P003, P004, P005, ...): the file is missing -> check the path",
    ]
    assert "  5 cases (P001, P002, P003, P004, P005): the" in str(BadInput(missing(5)))
    # A single case keeps its files, also where it has several.
    assert "\n  P001 ct/P001.nii: the file" in str(BadInput(missing(1)))
    assert str(BadInput(missing(2, case_id="P1"))).count("P1 ct/") == 2
    # A file that all share is named.
    assert "  2 cases (P001, P002) ct.nii: the" in str(BadInput(missing(2, file="ct.nii")))


def test_what_differs_is_not_folded_and_order_is_that_of_first_appearance():
    table = pd.concat(
        [
            missing(2, problem="b"),
            missing(1, problem="a"),
            missing(3, problem="b").iloc[2:],
            missing(1, problem="b", code="other"),
            missing(1, problem="b", remedy="other"),
            missing(2, problem="b", case_id=""),
        ]
    )
    found = folded(table)
    assert found.problem.tolist() == ["b", "a", "b", "b", "b", "b"]
    assert found.case_id.tolist() == ["3 cases (P001, P002, P003)", "P001", "P001", "P001", "", ""]
    assert found.file.tolist()[-2:] == ["ct/P001.nii", "ct/P002.nii"]
    severities = pd.concat([missing(2, severity="warning"), missing(2, severity="error")])
    assert folded(severities).severity.tolist() == ["warning", "error"]
    assert folded(table.iloc[:0]).empty


# ---- no code reads a sentence


def offenders(*patterns):
    """File and line of every match of a pattern in the sources."""
    return [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in SOURCES
        for line in path.read_text(encoding="utf-8").splitlines()
        if any(re.search(pattern, line) for pattern in patterns)
    ]


def test_no_code_reads_a_sentence():
    assert not offenders(
        r"""(partition|split)\(["'] ?-> ?["']""",
        r"""\[["'](problem|remedy|reason|check|finding)["']\](\.str\b| [=!]= )""",
        r"""\.(problem|remedy)\.(str|split|partition|startswith)\b""",
    )
    quoting = {line.partition(":")[0] for line in offenders(r"str\(error\)")}
    assert quoting == QUOTES_A_LIBRARY


def test_every_error_has_a_code_that_is_a_name_and_a_remedy_of_its_own():
    n = 0
    for path in SOURCES:
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in MADE_BY:
                said = ast.unparse(call)
                (code,) = (keyword.value for keyword in call.keywords if keyword.arg == "code")
                named = not isinstance(code, ast.Constant) or re.fullmatch(r"[a-z]+(-[a-z]+)+", code.value)
                assert named and " -> " not in said, f"{path.relative_to(ROOT)}: {said}"
                n += 1
    assert n > 250
