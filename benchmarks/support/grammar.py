"""Tell what a grammar checker finds: `python benchmarks/support/grammar.py < TEXTS > FOUND`, a JSON list each way.

Runs in an environment of its own that has harper-py, and nothing of ours. Of each text it tells the kind and the words
of everything found, in lower case. Harper's remarks on style, capitals and punctuation are left out: comments are full
of them, and they are not what makes a sentence ungrammatical.
"""

import json
import sys

from harper import Language, Linter

LEFT_OUT = frozenset({
    "Capitalization", "Enhancement", "Formatting", "Punctuation", "Readability", "Redundancy", "Regionalism", "Style",
    "WordChoice",
})  # fmt: skip


def main() -> None:
    """Read texts, and write what is found in each."""
    linter = Linter()
    found = [
        [
            [lint.lint_kind, lint.problem_text.lower()]
            for lint in linter.lint(text, language=Language.PLAINTEXT)
            if lint.lint_kind not in LEFT_OUT
        ]
        for text in json.load(sys.stdin)
    ]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
