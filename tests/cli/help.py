#!/usr/bin/env python3
"""Help and manual pages say the same as the program."""
import re
import shutil
import subprocess
import unittest

from processes import SOURCE_DIR, CliTest

MANUALS = sorted((SOURCE_DIR / "docs/man").glob("*.1"))


class Help(CliTest):
    def verbs(self):
        overview = self.succeed("help")
        return re.findall(r"^  (\w+) +\S", overview, re.M)

    def test_overview(self):
        verbs = self.verbs()
        for verb in ("worker", "demo", "whoami", "ls", "search", "send", "call", "get", "rm", "model", "version", "help"):
            self.assertIn(verb, verbs)
        self.assertEqual(self.succeed("--help"), self.succeed("help"))

    def test_every_verb_explains_itself(self):
        for verb in self.verbs():
            text = self.succeed("help", verb)
            self.assertRegex(text, rf"^usage: csyft {verb} ")
            self.assertEqual(self.succeed(verb, "--help"), text)
            self.assertEqual(self.succeed(verb, "-h"), text)
            self.assertLess(max(map(len, text.splitlines())), 100, verb)

    def test_version(self):
        header = (SOURCE_DIR / "include/csyft/version.h").read_text()
        version = re.search(r'SY_VERSION_STRING "(.*)"', header).group(1)
        self.assertRegex(self.succeed("version"), rf"^csyft {re.escape(version)}, wire \d+-\d+$")
        self.assertEqual(self.succeed("--version"), self.succeed("version"))

    def test_manual_pages_name_every_verb_and_option(self):
        pages = {page.stem: page.read_text().replace("\\-", "-") for page in MANUALS}
        for verb in self.verbs():
            page = pages.get(f"csyft-{verb}") or next(
                (text for text in pages.values() if re.search(rf"^\.Ss? .*\b{verb}\b|^\.It Cm {verb}\b", text, re.M)), None)
            self.assertIsNotNone(page, f"no manual page on {verb}")
            for option in re.findall(r"--([a-z][a-z-]+)", self.succeed("help", verb).split("\noptions:\n")[1]):
                if option != "help":
                    self.assertIn(f"Fl -{option}", page, f"{verb} --{option} is in no manual page")

    def test_manual_pages_are_well_formed(self):
        groff = shutil.which("groff")
        if groff is None:
            return
        for page in MANUALS:
            result = subprocess.run([groff, "-mdoc", "-Tutf8", "-ww", "-b", page], capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stderr), (0, ""), page.name)


if __name__ == "__main__":
    unittest.main()
