"""Write docs/parameters.md: every parameter, from the models of vcfnb.params and the values of the params files.

``.venv/bin/python workflow/parameters.py`` writes the page; with ``--check`` it only says whether it is up to date.
"""

import argparse
import sys
from pathlib import Path

import yaml
from jinja2 import Template

from vcfnb.params import NOTEBOOKS, SECTIONS, StudyParams, load_params
from vcfnb.runs import atomic

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "parameters.md"
PAGE_TEMPLATE = ROOT / "workflow" / "templates" / "parameters.md.j2"
COMMAND = ".venv/bin/python workflow/parameters.py"
NAMES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}

# What no single line of a table can say: an assignment that breaks the rule (tested), and the rule.
RULES = [
    ("expansions=[6, 2]", "`expansions` increase, each once."),
    ("radiomics.executor=dask", "`radiomics.executor: dask` needs `radiomics.scheduler`."),
    ("robustness.network_repeats=9", "`robustness.network_repeats` is at most `robustness.outer_repeats`."),
    ("fusion.clinical=[age, age]", "`fusion.clinical` and `selection.harmonise_covariates` name a variable once."),
    ("cohort.csv=nowhere.csv", "`cohort.csv`, and a file that `dtl.weights` names, must exist."),
    ("reporting.metrics={31: {answer: yes}}", "`reporting.metrics` has the items 1 to 30, `reporting.clear` 1 to 58."),
    (
        "reporting.metrics={3: {answer: na}}",
        "In METRICS, `na` is for its conditional items only: 8, 9, 10, 12, 14 to 17.",
    ),
]


def kind(schema):
    """Type of a value, in words."""
    if "anyOf" in schema:
        return " or ".join(kind(part) for part in schema["anyOf"])
    if "$ref" in schema or schema["type"] == "object":
        return "mapping"
    if "prefixItems" in schema:
        return f"{len(schema['prefixItems'])} {kind(schema['prefixItems'][0])}s"
    if schema["type"] == "array":
        return f"list of {kind(schema['items'])}s".replace("texts", "words")
    return "word" if _choices(schema) and schema["type"] == "string" else NAMES[schema["type"]]


def allowed(schema, definitions):
    """Which values of that type are allowed, in words; empty when all are."""
    if "anyOf" in schema:
        return " or ".join(filter(None, (allowed(part, definitions) for part in schema["anyOf"])))
    if "$ref" in schema:
        fields = definitions[schema["$ref"].rsplit("/", 1)[1]]["properties"]
        return "; ".join(f"`{name}`: {allowed(field, definitions) or kind(field)}" for name, field in fields.items())
    if _choices(schema):
        return ", ".join(f"`{choice}`" for choice in _choices(schema))
    if "prefixItems" in schema:
        return "each " + allowed(schema["prefixItems"][0], definitions)
    if schema["type"] == "array":
        items = allowed(schema["items"], definitions)
        return ", ".join(filter(None, ["at least one" if schema.get("minItems") else "", items and f"each {items}"]))
    if schema["type"] == "object":
        keys = allowed(schema["propertyNames"] | {"type": "string"}, definitions) if "propertyNames" in schema else ""
        values = allowed(schema["additionalProperties"], definitions)
        return "; ".join(filter(None, [keys and f"keys {keys}", values and f"values {values}"]))
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    said = [f"{sign} {_short(schema[name])}" for name, sign in signs.items() if name in schema]
    said += [f"matches `{schema['pattern']}`"] if "pattern" in schema else []
    said += ["not empty"] if "minLength" in schema else []
    return ", ".join(said)


def _choices(schema):
    return schema.get("enum") or ([schema["const"]] if "const" in schema else [])


def _short(number):
    """500.0 as 500: YAML and pydantic take both."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def written(value):
    """A value as it stands in a params file."""
    value = [_short(part) for part in value] if isinstance(value, list) else _short(value)
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def table(schema, values, definitions):
    """Markdown table of some fields; `values` has (demo, paper) by name."""
    lines = [
        "| parameter | type | allowed | default | demo.yaml | paper.yaml | what |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in values:
        field = schema["properties"][name]
        default = written(field["default"]) if "default" in field else "must be given"
        cells = [f"`{name}`", kind(field), allowed(field, definitions), default, *map(written, values[name])]
        cells.append(field["description"])
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines)


def handed_to(section):
    names = [name for name, (_, sections) in NOTEBOOKS.items() if section in sections]
    return ", ".join(f"[{name}](../notebooks/{name}.ipynb)" for name in names) or "the report"


def page():
    """The whole page as text."""
    schema = StudyParams.model_json_schema()
    definitions = schema["$defs"]
    demo, paper = (load_params(ROOT / "params" / f"{name}.yaml").model_dump(mode="json") for name in ("demo", "paper"))
    wide = [name for name in schema["properties"] if name not in SECTIONS]
    sections = []
    for section, model in SECTIONS.items():
        values = {name: (demo[section][name], paper[section][name]) for name in model.model_fields}
        text = f"{model.__doc__.strip()} Handed to {handed_to(section)}."
        sections.append((section, text, table(definitions[model.__name__], values, definitions)))
    values = {name: (demo[name], paper[name]) for name in wide}
    template = Template(PAGE_TEMPLATE.read_text(encoding="utf-8"), keep_trailing_newline=True)
    return template.render(study_wide=table(schema, values, definitions), sections=sections, rules=RULES)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is not up to date")
    arguments = parser.parse_args()
    text = page()
    if arguments.check:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            sys.exit(f"docs/parameters.md is not up to date -> run {COMMAND}")
        return
    with atomic(PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(PAGE.relative_to(ROOT))


if __name__ == "__main__":
    main()
