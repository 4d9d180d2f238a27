"""Counts the operations that Schemathesis called. Usage: check.py EVENTS DOCUMENT

EVENTS is its report `ndjson`, DOCUMENT the address of the document that it read.

An operation has passed when nothing that any phase held against its answers failed, and one of them was a success, or
that it cannot be done as things stand: one that refuses whatever it is given has not been tested.
"""

import collections
import json
import sys
import urllib.request

answers = collections.defaultdict(collections.Counter)
failures = collections.defaultdict(collections.Counter)
finished = False
with open(sys.argv[1], encoding="utf-8") as events:
    for line in events:
        ((kind, event),) = json.loads(line).items()
        if kind == "EngineFinished":
            finished = event["stop_reason"] == "completed"
        if kind != "ScenarioFinished":
            continue
        recorder = event["recorder"]
        # In scenarios of several operations each case says its own.
        for case_id, case in recorder.get("cases", {}).items():
            value = case["value"]
            operation = f"{value['method']} {value['path']}"
            interaction = recorder.get("interactions", {}).get(case_id, {})
            if interaction.get("response"):
                answers[operation][interaction["response"]["status_code"]] += 1
            for check in recorder.get("checks", {}).get(case_id, []):
                if check["status"] == "failure":
                    failures[operation][check["name"]] += 1

with urllib.request.urlopen(sys.argv[2], timeout=10) as document:
    paths = json.load(document)["paths"]
operations = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]

passed = failed = 0
for operation in operations:
    said = ", ".join(f"{status} ({times})" for status, times in sorted(answers[operation].items()))
    wrong = [f"{name} ({times})" for name, times in failures[operation].items()]
    if not any(200 <= status < 300 or status == 409 for status in answers[operation]):
        wrong.append("no success")
    print(f"  {'FAILED' if wrong else 'ok'}  {operation}: {said}{'; ' if wrong else ''}{', '.join(wrong)}")
    passed += not wrong
    failed += bool(wrong)

# What is called by a method that its path does not have is no operation of the document.
for operation in sorted(failures.keys() - set(operations)):
    print(f"  FAILED  {operation}: {', '.join(failures[operation])}")
    failed += 1
if not finished:
    print("rest: Schemathesis did not come to its end", file=sys.stderr)
    failed += 1
print(f"rest: {passed} passed, {failed} failed")
sys.exit(failed > 0)
