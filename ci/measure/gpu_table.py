"""The table of ci/gpu-check and what its rows are made from: pure, tested by `ci/gpu-check --self-test`."""

import json
import math
import re
from dataclasses import dataclass

from pairs import median_ranks
from peers import CannotRun, median, right, value_in

PREFIXES = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1.0}


def scaled(value: float, unit: str) -> str:
    """1.234e12 FLOP/s: "1.234 TFLOP/s". Seconds and shares by hand."""
    if unit == "s":
        return f"{value * 1e3:.4g} ms" if value < 1 else f"{value:.4g} s"
    if unit == "%":
        return f"{100 * value:.1f} %"
    prefix = next((p for p, factor in PREFIXES.items() if abs(value) >= factor), "")
    return f"{value / PREFIXES[prefix]:.4g} {prefix}{unit}"


@dataclass
class Row:
    """A line of the table. `reached`: None where nothing was wanted, or it was not run."""

    figure: str
    measured: str = ""
    wanted: str = ""
    ratio: str = ""
    reached: bool | None = None
    not_run: str = ""  # why

    def words(self) -> list[str]:
        if self.not_run:
            return [self.figure, "not run", self.wanted, "", self.not_run]
        verdict = {True: "yes", False: "NO", None: "-"}[self.reached]
        return [self.figure, self.measured, self.wanted, self.ratio, verdict]


def table(rows: list[Row]) -> str:
    lines = [["figure", "measured", "wanted", "ratio: median (95 % interval) min, pairs", "reached"]]
    lines += [row.words() for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join(
        "  ".join([*(word.ljust(width) for word, width in zip(line, widths)), line[4]]).rstrip() for line in lines
    )


def row_of_pairs(found: dict, wanted: str, higher: bool = True, absolute: float | None = None) -> Row:
    """`found` is what pairs.measure gives. A peer that takes longer is slower: for times the ratio is the peer's over ours.
    `absolute`: the value that the median has to reach too."""
    unit, ours, theirs = found["subject"]["unit"], found["subject"]["values"], found["peer"]["values"]
    ratios = sorted((a / b if higher else b / a) for a, b in zip(ours, theirs, strict=True))
    ranks = median_ranks(len(ratios))
    interval = f"({ratios[ranks[0] - 1]:.3f} .. {ratios[ranks[1] - 1]:.3f})" if ranks else "(too few pairs)"
    words = f"{median(ratios):.3f} {interval} {ratios[0]:.3f}, {len(ratios)}"
    limit = re.match(r"at least ([0-9.]+) of", wanted)
    reached = median(ratios) >= float(limit[1]) if limit else None
    if absolute is not None:
        reached = (reached is not False) and median(ours) >= absolute
    measured = f"{scaled(median(ours), unit)}; peer {scaled(median(theirs), unit)}"
    return Row(found["name"], measured, wanted, words, reached)


def row_of_values(figure: str, values: list[float], unit: str, at_least: float | None = None, at_most: float | None = None) -> Row:
    """Without a peer: the median of a few launches against a number."""
    middle = median(values)
    wanted = f"at least {scaled(at_least, unit)}" if at_least is not None else ""
    if at_most is not None:
        wanted = f"at most {scaled(at_most, unit)}"
    reached = None
    if wanted:
        reached = math.isfinite(middle) and (at_least is None or middle >= at_least) and (at_most is None or middle <= at_most)
    spread = f"; {scaled(min(values), unit)} .. {scaled(max(values), unit)}" if len(values) > 1 else ""
    return Row(figure, f"{scaled(middle, unit)}{spread}, {len(values)} launches", wanted, "", reached)


@dataclass
class Tests:
    """What a Google Test program said, even where it did not come to its end."""

    passed: list[str]
    failed: list[str]
    skipped: list[str]
    unfinished: str = ""  # the test during which it ended


def tests_in(text: str) -> Tests:
    found, running = Tests([], [], []), ""
    for line in text.splitlines():
        if begun := re.match(r"\[ RUN +\] (\S+)", line):
            running = begun[1]
        elif ended := re.match(r"\[ +(OK|FAILED|SKIPPED) +\] ([^ ,]+).* ms\)$", line):
            {"OK": found.passed, "FAILED": found.failed, "SKIPPED": found.skipped}[ended[1]].append(ended[2])
            running = ""
    found.unfinished = running
    return found


def row_of_tests(figure: str, found: Tests, alone: dict[str, bool]) -> Row:
    """`alone`: tests that were run again by themselves, and whether they passed: after a fault a GPU's process is lost,
    and every later test of it with it."""
    failed = [name for name in [*found.failed, *([found.unfinished] if found.unfinished else [])]]
    still = [name for name in failed if not alone.get(name, False)]
    words = f"{len(found.passed)} passed, {len(failed)} failed, {len(found.skipped)} skipped"
    if failed and len(still) < len(failed):
        words += f"; {len(failed) - len(still)} of the failed pass alone"
    if failed:
        words += ": " + ", ".join((still or failed)[:3]) + (", ..." if len(still or failed) > 3 else "")
    return Row(figure, words, "all pass", "", not failed and len(found.passed) > 0)


def sanitizer_row(figure: str, outputs: list[str]) -> Row:
    """What compute-sanitizer said of several commands."""
    errors, clean, refused = 0, 0, []
    for text in outputs:
        said = re.findall(r"(?:ERROR|RACECHECK) SUMMARY: (\d+)", text)
        if said:
            errors += sum(int(number) for number in said)
            clean += sum(int(number) for number in said) == 0
        else:
            refused.append(next((line.strip(" =") for line in text.splitlines() if "rror" in line), "no summary"))
    if not clean and not errors:
        return Row(figure, wanted="no error", not_run=f"compute-sanitizer: {refused[0][:90] if refused else 'nothing was run'}")
    words = f"{errors} errors in {len(outputs) - len(refused)} programs" + (f", {len(refused)} did not end" if refused else "")
    return Row(figure, words, "no error", "", errors == 0 and not refused)


def all_records(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"schema":"assay.record')]


def best_of(records: list[dict], name: str) -> tuple[float, dict]:
    """The largest value and its parameters, among the records that are right."""
    best, parameters, trouble = -math.inf, {}, "there is no record"
    for record in records:
        try:
            value = value_in(right(record), name)
        except CannotRun as reason:
            trouble = str(reason)
            continue
        if value > best:
            best, parameters = value, record["parameters"]
    if best == -math.inf:
        raise CannotRun(trouble)
    return best, parameters


def metric_in(record: dict, name: str) -> float | None:
    return record["devices"][0]["metrics"].get(name) if record["devices"] else None


def self_test() -> None:
    """Literal data, checked by hand."""
    assert scaled(1.2345e12, "FLOP/s") == "1.234 TFLOP/s" and scaled(4.32e12, "B/s") == "4.32 TB/s"
    assert scaled(0.0123, "s") == "12.3 ms" and scaled(0.5, "%") == "50.0 %" and scaled(950.0, "token/s") == "950 token/s"

    ours, theirs = [8.0e14, 7.8e14, 8.2e14, 7.9e14, 8.1e14, 8.0e14, 8.3e14], [8.0e14] * 7
    found = {"name": "gemm", "subject": {"unit": "FLOP/s", "values": ours}, "peer": {"unit": "FLOP/s", "values": theirs}}
    row = row_of_pairs(found, "at least 1.00 of torch.matmul")
    # Sorted ratios .975 .9875 1 1 1.0125 1.025 1.0375; seven values: ranks 1 and 7.
    assert row.ratio == "1.000 (0.975 .. 1.038) 0.975, 7" and row.reached is True, row
    assert row.measured == "800 TFLOP/s; peer 800 TFLOP/s"
    assert row_of_pairs(found, "at least 1.01 of torch.matmul").reached is False
    assert row_of_pairs(found, "for comparison").reached is None
    assert row_of_pairs(found, "at least 1.00 of it, 900 TFLOP/s", absolute=9e14).reached is False
    assert row_of_pairs(found, "900 TFLOP/s", absolute=9e14).reached is False
    times = {"name": "attention", "subject": {"unit": "s", "values": [1.0, 2.0]}, "peer": {"unit": "s", "values": [2.0, 3.0]}}
    assert row_of_pairs(times, "for comparison", higher=False).ratio == "1.750 (too few pairs) 1.500, 2"

    assert row_of_values("f64", [6.0e13, 6.1e13, 6.2e13], "FLOP/s", at_least=6.03e13).reached is True
    assert row_of_values("f64", [6.0e13], "FLOP/s", at_least=6.03e13).reached is False
    assert row_of_values("cost", [0.03], "%", at_most=0.02).reached is False
    assert row_of_values("none", [math.nan], "FLOP/s", at_least=1.0).reached is False
    assert row_of_values("free", [1.0], "FLOP/s").reached is None

    said = """[==========] Running 5 tests from 2 test suites.
[ RUN      ] OnGpu.FactsAreThere
[       OK ] OnGpu.FactsAreThere (12 ms)
[ RUN      ] Gpu/SameBits.Holds/bf16
suites/x_test.cpp:3: Failure
[  FAILED  ] Gpu/SameBits.Holds/bf16, where GetParam() = 40-byte object <AB, CD> (3 ms)
[ RUN      ] OnGpu.Conditions
x: Skipped
[  SKIPPED ] OnGpu.Conditions (0 ms)
[ RUN      ] OnGpu.Crashes
"""
    tests = tests_in(said)
    assert tests == Tests(["OnGpu.FactsAreThere"], ["Gpu/SameBits.Holds/bf16"], ["OnGpu.Conditions"], "OnGpu.Crashes"), tests
    whole = tests_in(said + "[       OK ] OnGpu.Crashes (1 ms)\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] Gpu/SameBits.Holds/bf16\n")
    assert len(whole.failed) == 1 and len(whole.passed) == 2 and whole.unfinished == ""
    row = row_of_tests("tests", tests, {"OnGpu.Crashes": True})
    assert row.reached is False and "2 failed" in row.measured and "1 of the failed pass alone: Gpu/SameBits" in row.measured
    assert row_of_tests("tests", Tests(["a"], [], []), {}).reached is True
    assert row_of_tests("tests", Tests([], [], ["a"]), {}).reached is False  # nothing ran

    assert sanitizer_row("m", ["x\n========= ERROR SUMMARY: 0 errors\n"] * 2).reached is True
    assert sanitizer_row("m", ["========= ERROR SUMMARY: 2 errors", "========= ERROR SUMMARY: 0 errors"]).reached is False
    assert sanitizer_row("r", ["========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)"]).reached is True
    assert sanitizer_row("m", ["========= ERROR SUMMARY: 0 errors", "killed"]).reached is False
    assert "Device not supported" in sanitizer_row("m", ["========= Error: Device not supported"]).not_run

    record = {
        "schema": "assay.record/1", "status": "completed", "reason": None, "path": {}, "parameters": {"m": 8192},
        "foms": [{"name": "rate", "numerator": 10.0, "series": None, "reduce": "median"}],
        "devices": [{"check": {"status": "pass"}, "samples_s": [1.0, 2.0, 4.0], "metrics": {"mfu": 0.4}}],
    }
    other = record | {"parameters": {"m": 16384}, "foms": [record["foms"][0] | {"numerator": 30.0}]}
    wrong = other | {"foms": [record["foms"][0] | {"numerator": 1e9}], "devices": [record["devices"][0] | {"check": {"status": "fail"}}]}
    assert value_in(record, "rate") == 5.0 and metric_in(record, "mfu") == 0.4 and metric_in(record, "x") is None
    assert best_of([record, other, wrong], "rate") == (15.0, {"m": 16384})  # what is wrong is no candidate
    assert len(all_records("noise\n" + json.dumps(record, separators=(",", ":")) + "\n")) == 1
    try:
        best_of([wrong], "rate")
        raise AssertionError("a wrong result was taken")
    except CannotRun:
        pass

    shown = table([row, Row("gone", wanted="at least 1", not_run="no time left")])
    assert shown.splitlines()[2].startswith("gone") and shown.endswith("no time left") and "not run" in shown
