"""Runs one module of CPython's tests, or those of its tests that are named, and writes a line of JSON for each test
method to /out/records. Arguments: the module, its time limit in seconds, names."""

import faulthandler
import importlib
import json
import sys
import unittest


# Classes that hang natively on a machine like this and would keep those after them from being run.
LEFT_OUT = {
    ("test_socket", "ThreadedVSOCKSocketStreamTest"): "it waits for ever for a hypervisor that carries AF_VSOCK",
}


class Records(unittest.TextTestResult):
    def __init__(self, *args):
        super().__init__(*args)
        self.file = open("/out/records", "a", encoding="utf-8", errors="backslashreplace")
        self.outcome = None

    def note(self, test, outcome, detail=""):
        # The module's name is the area's.
        name = test.id().removeprefix("test." + MODULE + ".").removeprefix(MODULE + ".")
        print(json.dumps({"name": name, "outcome": outcome, "detail": detail}), file=self.file, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.outcome = None
        self.note(test, "start")

    def stopTest(self, test):
        super().stopTest(test)
        outcome, detail = self.outcome or ("pass", "")
        self.note(test, outcome, detail)
        self.outcome = None

    def fail(self, test, detail):
        if hasattr(test, "_testMethodName"):
            earlier = self.outcome[1] if self.outcome and self.outcome[0] == "fail" else ""
            self.outcome = ("fail", earlier + detail)
        else:
            # A class or module could not be set up.
            self.note(test, "fail", detail)

    def addError(self, test, err):
        super().addError(test, err)
        self.fail(test, self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.fail(test, self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.fail(test, f"{subtest}\n{self._exc_info_to_string(err, test)}\n")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        if hasattr(test, "_testMethodName"):
            if self.outcome is None:
                self.outcome = ("skip", reason)
        else:
            self.note(test, "skip", reason)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.outcome = ("fail", "unexpected success")


if __name__ == "__main__":
    MODULE, limit, names = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    sys.argv[1:] = []
    faulthandler.enable()
    if MODULE != "test_faulthandler":
        faulthandler.dump_traceback_later(limit, exit=False)

    from test import support

    # What regrtest enables by `-u all,-network,-urlfetch,-gui,-audio`: nothing that leaves the machine.
    support.use_resources = ["cpu", "subprocess", "largefile", "walltime", "tzdata", "decimal", "curses"]
    if MODULE == "test_socketserver":
        # It asks for a network and uses the loopback only.
        support.use_resources.append("network")
    support.verbose = 1
    whole = "test." + MODULE
    for (module, name), reason in LEFT_OUT.items():
        if module == MODULE and hasattr(importlib.import_module(whole), name):
            unittest.skip(reason)(getattr(importlib.import_module(whole), name))
    suite = unittest.defaultTestLoader.loadTestsFromNames([f"{whole}.{name}" for name in names] or [whole])
    runner = unittest.TextTestRunner(verbosity=2, resultclass=Records)
    sys.exit(0 if runner.run(suite).wasSuccessful() else 1)
