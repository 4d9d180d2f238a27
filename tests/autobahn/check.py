"""Judges a report of the Autobahn test suite: `check.py INDEX_JSON` prints the counts and each case that is not fit.

Fit is OK, NON-STRICT (allowed by the RFC, not the best), INFORMATIONAL (nothing to judge), and UNIMPLEMENTED for the cases of a
compression that the server does not offer. The closing handshake of every case must be clean as well.
"""

import collections
import json
import pathlib
import sys

# All cases of the pinned version, so that a run that broke off is not taken for a whole one.
CASES = 517
COMPRESSION = ("12.", "13.")
FIT = {"OK", "NON-STRICT", "INFORMATIONAL"}


def fit(case, behavior):
    return behavior in FIT or (behavior == "UNIMPLEMENTED" and case.startswith(COMPRESSION))


def main(index):
    (agent,) = json.loads(index.read_text()).values()
    behaviors = collections.Counter(result["behavior"] for result in agent.values())
    print("  " + ", ".join(f"{count} {behavior}" for behavior, count in sorted(behaviors.items())))
    bad = [
        (case, result)
        for case, result in agent.items()
        if not fit(case, result["behavior"]) or not fit(case, result["behaviorClose"])
    ]
    for case, result in bad:
        report = index.parent / result["reportfile"]
        print(f"  case {case}: {result['behavior']}, its close {result['behaviorClose']}; see {report}")
    missing = CASES - len(agent)
    if missing:
        print(f"  {missing} of {CASES} cases have no result")
    failed = len(bad) + max(missing, 0)
    print(f"autobahn: {len(agent) - len(bad)} passed, {failed} failed")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
