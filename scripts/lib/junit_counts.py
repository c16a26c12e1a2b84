#!/usr/bin/env python3
"""Prints "PASSED FAILED" of a JUnit report by CTest; with --failures the names and the end of what failed printed."""
import sys
import xml.etree.ElementTree


def main():
    show_failures = sys.argv[1] == "--failures"
    cases = list(xml.etree.ElementTree.parse(sys.argv[-1]).iter("testcase"))
    failed = [case for case in cases if case.get("status") != "run" or case.find("failure") is not None]
    if not show_failures:
        print(len(cases) - len(failed), len(failed))
        return
    for case in failed:
        print(f"FAILED {case.get('name')} ({case.get('status')})")
        for line in (case.findtext("system-out") or "").splitlines()[-25:]:
            print(f"  {line[:240]}")


if __name__ == "__main__":
    main()
