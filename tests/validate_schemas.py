#!/usr/bin/env python3
"""Checks files of Assay against the JSON Schemas in reference_results/schema.

usage: validate_schemas.py FILE...              each file, by the schema that it names; folders are searched
       validate_schemas.py --test RENDER_SAMPLE  what the writers write, what the tree holds, and planted faults

JSON, JSON lines and TOML. Exit status 0: all valid; 1: a fault, each named; 77: skipped (no python3-jsonschema).
"""
import copy
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parent.parent
DEBIAN_PYTHON = "/usr/bin/python3"  # where the package python3-jsonschema is, whatever python3 comes first in PATH

try:
    import jsonschema
except ImportError:
    if os.path.realpath(sys.executable) != os.path.realpath(DEBIAN_PYTHON) and os.path.exists(DEBIAN_PYTHON):
        os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, *sys.argv])
    print("skipped: install the package python3-jsonschema")
    sys.exit(SKIPPED)

# Objects whose keys are names from elsewhere: an unknown key is no fault there.
OPEN_OBJECTS = {"parameters", "metrics", "series", "storage", "path", "facts", "libraries", "environment", "where", "of_where"}


def load_schemas():
    validators = {}
    for file in sorted((ROOT / "reference_results" / "schema").glob("*.schema.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        validators["assay." + schema["$id"].split(":", 1)[1]] = jsonschema.Draft202012Validator(schema)
    return validators


def documents(file):
    """(place, document) for each document in a file."""
    if file.suffix == ".toml":
        import tomllib
        yield str(file), tomllib.loads(file.read_text(encoding="utf-8"))
    elif file.suffix == ".jsonl":
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{file}:{number}", json.loads(line)
    else:
        yield str(file), json.loads(file.read_text(encoding="utf-8"))


def complaint(validators, document):
    """None when the document is valid, else what is wrong with it and where."""
    name = document.get("schema") if isinstance(document, dict) else None
    if name not in validators:
        return f"names no known schema: {name!r}"
    error = jsonschema.exceptions.best_match(validators[name].iter_errors(document))
    if error is None:
        return None
    place = "/".join(str(step) for step in error.absolute_path)
    return f"at {place or 'the top'}: {error.message[:300]}"


def objects_in(value, path=()):
    """Paths of all objects with fixed keys, one per shape (the first element stands for a list)."""
    if isinstance(value, dict):
        if not path or path[-1] not in OPEN_OBJECTS:
            yield path
            for key, inner in value.items():
                yield from objects_in(inner, path + (key,))
    elif isinstance(value, list) and value:
        yield from objects_in(value[0], path + (0,))


def at(document, path):
    for step in path:
        document = document[step]
    return document


def planted(document, is_data):
    """(what was planted, broken copy): unknown keys, missing keys, texts for numbers, another version."""
    for path in objects_in(document):
        place = "/".join(str(step) for step in path) or "the top"
        broken = copy.deepcopy(document)
        at(broken, path)["planted_key"] = 1
        yield f"an unknown key in {place}", broken
        for key, value in at(document, path).items():
            if is_data:  # in plans and targets most keys are optional
                broken = copy.deepcopy(document)
                del at(broken, path)[key]
                yield f"no '{key}' in {place}", broken
            if isinstance(value, (int, float)) and not isinstance(value, bool) and is_data and key != "default":
                broken = copy.deepcopy(document)
                at(broken, path)[key] = str(value)
                yield f"a text for the number '{key}' in {place}", broken
    broken = copy.deepcopy(document)
    broken["schema"] = broken["schema"][:-1] + "0"
    yield "another version", broken


def check(validators, files):
    faults, count = [], 0
    for file in files:
        for place, document in documents(file):
            count += 1
            wrong = complaint(validators, document)
            if wrong:
                faults.append(f"{place}: {wrong}")
    return count, faults


def test(render_sample):
    validators = load_schemas()
    faults = []
    with tempfile.TemporaryDirectory(prefix="assay-schema-") as temporary:
        folder = pathlib.Path(temporary)
        subprocess.run([str(pathlib.Path(render_sample).resolve()), str(folder)], check=True)
        written = sorted([*folder.glob("*.json"), *folder.glob("*.jsonl")])
        held = sorted([*(ROOT / "suites" / "plans").glob("*.toml"), *(ROOT / "reference_results" / "targets").glob("*.toml"),
                       *(ROOT / "tests" / "schema").glob("*")])
        count, faults = check(validators, written + held)
        seen, plants = set(), 0
        for file in written + held:
            for place, document in documents(file):
                name = document.get("schema")
                seen.add(name)
                if complaint(validators, document) or file.stem in ("large", "hostile"):
                    continue
                for what, broken in planted(document, file.suffix != ".toml"):
                    plants += 1
                    if complaint(validators, broken) is None:
                        faults.append(f"{place}: {what} was planted and not noticed")
        for name in sorted(set(validators) - seen):
            faults.append(f"no document of {name} was checked")
    for fault in faults:
        print("FAULT " + fault)
    print(f"{len(validators)} schemas, {count} documents, {plants} planted faults, {len(faults)} faults")
    return 1 if faults or count == 0 or plants == 0 else 0


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--test":
        return test(sys.argv[2])
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    files = []
    for given in map(pathlib.Path, sys.argv[1:]):
        if given.is_dir():
            files += sorted(file for kind in ("*.json", "*.jsonl", "*.toml") for file in given.rglob(kind))
        else:
            files.append(given)
    count, faults = check(load_schemas(), files)
    for fault in faults:
        print("FAULT " + fault)
    print(f"{count} documents, {len(faults)} faults")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
