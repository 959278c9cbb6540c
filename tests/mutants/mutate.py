#!/usr/bin/env python3
"""Writes a copy of an algorithm's source in which every rule can be perturbed in one place at a time.

    mutate.py SOURCE OUTPUT      also writes OUTPUT.json: number, line, operator and code of every mutant

Mutated are the lines of the update, from the first namespace to the registry entry: signs, factors, quotients, roots,
ones, and assignments that are left out. The program stays one: switches of mutation.hpp choose a mutant at run time.
Lines about types, sizes and loops are left alone; what they break is found by the compiler or by a crash. Of a kernel
that stands on one line the body is mutated.
"""
import json
import pathlib
import re
import sys

UNTOUCHED = re.compile(
    r"^\s*(#|//|/\*|template|using|namespace|struct|class|enum|explicit|for \(|while|static_assert|throw|case)"
    r"|constexpr|\bIndex\b|std::size_t|\bint\b|int64_t|Error\(|\"|\[\[nodiscard\]\].*[{;]$|operator"
)
KERNEL = re.compile(r"^(.*KOKKOS_LAMBDA\([^)]*\) \{)( .*)( \}\);)$")
ASSIGNMENT = re.compile(r"^(\s+)([a-z_][\w.]*(?:->\w+)?(?:\[\w+\])?)( = | \+= | -= | \*= )(.*;)$")


def in_brackets(code, at):
    """Inside [...]: an index."""
    return code.count("[", 0, at) > code.count("]", 0, at)


class Mutator:
    def __init__(self):
        self.mutants = []

    def add(self, line, operator, code):
        self.mutants.append({"number": len(self.mutants), "line": line, "operator": operator, "code": code.strip()})
        return len(self.mutants) - 1

    def replace(self, text, number, pattern, operator, write):
        """Replaces every match outside of indices; what was replaced before is not looked at again."""
        out, at = "", 0
        for match in re.finditer(pattern, text):
            if in_brackets(text, match.start()):
                continue
            out += text[at:match.start()] + write(match, self.add(number, operator, self.code))
            at = match.end()
        return out + text[at:]

    def line(self, text, number):
        kernel = KERNEL.match(text)
        if kernel:
            return kernel[1] + self.line(kernel[2], number) + kernel[3]
        if UNTOUCHED.search(text) or text.strip() in ("", "}", "};", "});"):
            return text
        code, slash, comment = text.partition("  //")
        self.code = code
        statement = ASSIGNMENT.match(code)
        # Letters that no pattern below matches stand for the replacements until all patterns have been looked for.
        code = self.replace(code, number, r" \+ (?![\"+])", "sign", lambda m, k: f" + velo::mutation::Sign({k})@")
        code = self.replace(code, number, r" - (?![\"-])", "sign", lambda m, k: f" - velo::mutation::Sign({k})@")
        code = self.replace(code, number, r" \* ", "factor", lambda m, k: f"@velo::mutation::Halve({k})@")
        code = self.replace(code, number, r" / ", "quotient", lambda m, k: f"~velo::mutation::Halve({k})~")
        code = self.replace(code, number, r"std::sqrt\(", "root", lambda m, k: f"velo::mutation::root({k}, ")
        code = self.replace(code, number, r"(?<![\w.])(1\.0|Scalar\(1\))(?![\w.])", "one",
                            lambda m, k: f"velo::mutation::one({k}, {m.group(1)})")
        code = code.replace("@", " * ").replace("~", " / ")
        if statement:
            k = self.add(number, "omission", self.code)
            code = re.sub(r"^(\s+)", rf"\1if (!velo::mutation::active({k})) ", code)
        return code + slash + comment


def main():
    source, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    mutator = Mutator()
    # No formatting of the copy matters, but its lines are those of the original.
    lines, inside = [], False
    for number, text in enumerate(source.read_text().split("\n"), 1):
        if re.match(r"namespace velo \{", text):
            inside = True
        if re.match(r"AlgorithmInfo \w+_info\(\)", text):
            inside = False
        lines.append(mutator.line(text, number) if inside else text)
    output.parent.mkdir(parents=True, exist_ok=True)
    head = f'#define VELO_MUTANT_FILE "{source.name}"\n#include "tests/mutants/mutation.hpp"\n#line 1 "{source}"\n'
    output.write_text(head + "\n".join(lines))
    pathlib.Path(f"{output}.json").write_text(json.dumps({"source": str(source), "mutants": mutator.mutants}, indent=1))


if __name__ == "__main__":
    main()
