#!/usr/bin/env python3
"""Can a model that has nothing but this server answer the questions of analysts? Measures on the demo fleet what can be measured without
a model: whether every fact that an answer needs is in what the tools say, whether the answers are right, how much has to be read, and
whether an error says how to correct the statement. Writes docs/evaluation.md.

    run.py [--server BINARY] [--check] [--before]

    --check     writes nothing; fails when something is missing, wrong or too long, or worse than the page says
    --before    keeps these figures on the page as those of an earlier state, for comparison

What went wrong in detail is in target/eval/details.txt. EVAL_POSITIONS (default 50000) scales the data. Takes about 10 seconds.
"""
from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
import report  # noqa: E402
from checks import checks  # noqa: E402
from measure import measure  # noqa: E402

from stack import ROOT, Stack, StackError, stop_on_sigterm, tail  # noqa: E402


def main() -> int:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default=target / "release/analytics_mcp", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a figure is not what it must be")
    parser.add_argument("--before", action="store_true", help="keep the figures on the page as those of an earlier state")
    options = parser.parse_args()
    stop_on_sigterm()
    began = time.monotonic()
    try:
        # as `make demo` has it
        hidden = ROOT / "scripts/demo/hidden_columns"
        with Stack(options.server, int(os.environ.get("EVAL_POSITIONS", "50000")), hidden_columns=hidden) as stack:
            try:
                measured = measure(stack)
            except (RuntimeError, OSError) as error:
                raise StackError(f"{error}\nthe end of the server's log:\n{tail(stack.server_log, 5)}") from error
    except StackError as error:
        print(f"eval: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    figures = measured.figures()
    for name, text in report.sections(measured, figures, report.kept("before")).items():
        print(f"{name}\n\n{text.partition(chr(10) * 2 + '<!--')[0]}\n")
    report.details(measured)
    print(f"In detail: {report.DETAILS}")
    if not options.check:
        report.write(measured, figures, options.before)
        print(f"written: {report.PAGE}")
        return 0
    done = checks(measured, figures, report.kept("figures"))
    failed = [check for check in done if check.failure]
    for check in failed:
        print(f"FAILED {check.name}: {check.failure}")
    print(f"{len(done) - len(failed)} passed, {len(failed)} failed in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
