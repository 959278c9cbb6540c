#!/usr/bin/env python3
"""The include scan finds every planted violation, names file, line and rule, and is quiet without one."""
import tempfile
import unittest
from pathlib import Path

from include_scan import scan

CLEAN = {
    "results/text.hpp": "#pragma once\n#include <string>\n",
    "harness/device/tensor.hpp": '#pragma once\n#include <Kokkos_Core.hpp>\n#include "results/text.hpp"\n',
    "harness/json.hpp": "#pragma once\n#include <nlohmann/json.hpp>\n",
    "algorithms/sgd.cpp": '#include "harness/device/tensor.hpp"\n',
    "workloads/quadratic.cpp": '#include "harness/device/tensor.hpp"\n',
}


def complaints_with(name, text):
    with tempfile.TemporaryDirectory() as folder:
        for path, content in {**CLEAN, name: text}.items():
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        return scan(Path(folder))


class IncludeScan(unittest.TestCase):
    def test_a_clean_tree_has_no_complaints(self):
        self.assertEqual(complaints_with("harness/a.cpp", '#include "results/text.hpp"\n'), [])

    def test_results_may_not_include_harness(self):
        self.assertEqual(
            complaints_with("results/a.cpp", '\n#include "harness/device/tensor.hpp"\n'),
            ["results/a.cpp:2: results may not include harness/device/tensor.hpp (it may see results)"],
        )

    def test_algorithms_may_not_include_workloads(self):
        (complaint,) = complaints_with("algorithms/a.cpp", '#include "workloads/quadratic.hpp"\n')
        self.assertTrue(complaint.startswith("algorithms/a.cpp:1: algorithms may not include workloads/quadratic.hpp"))

    def test_workloads_may_not_include_algorithms(self):
        (complaint,) = complaints_with("workloads/a.cpp", '#include "algorithms/sgd.hpp"\n')
        self.assertTrue(complaint.startswith("workloads/a.cpp:1: workloads may not include algorithms/sgd.hpp"))

    def test_analysis_builds_without_kokkos(self):
        self.assertEqual(
            complaints_with("analysis/a.cpp", "#include <Kokkos_Core.hpp>\n"),
            ["analysis/a.cpp:1: <Kokkos_Core.hpp>: results and analysis build without Kokkos"],
        )

    def test_vendor_mathematics_stays_in_the_device_layer(self):
        self.assertEqual(
            complaints_with("workloads/a.cpp", "#include <cblas.h>\n"),
            ["workloads/a.cpp:1: <cblas.h>: vendor mathematics stays in harness/device"],
        )

    def test_only_the_command_prints(self):
        self.assertEqual(
            complaints_with("results/a.cpp", "#include <iostream>\n"),
            ["results/a.cpp:1: <iostream>: only harness/cli prints"],
        )

    def test_a_device_file_may_not_reach_what_nvcc_cannot_read(self):
        text = '#include "harness/device/tensor.hpp"\n#include "harness/json.hpp"\n'
        self.assertEqual(
            complaints_with("harness/a.cpp", text),
            ["harness/a.cpp: includes Kokkos and <nlohmann/json.hpp> (by harness/a.cpp > harness/json.hpp): nvcc cannot read it"],
        )

    def test_a_source_for_the_host_alone_may(self):
        text = '#include <Kokkos_Core.hpp>\n#include <dnnl.hpp>\n'
        self.assertEqual(complaints_with("harness/device/blas_host.cpp", text), [])
        self.assertNotEqual(complaints_with("harness/device/blas.cpp", text), [])

    def test_a_source_includes_its_own_header_first(self):
        own, other = '#include "results/text.hpp"\n', "#include <vector>\n"
        self.assertEqual(complaints_with("results/text.cpp", own + other), [])
        self.assertEqual(
            complaints_with("results/text.cpp", other + own),
            ["results/text.cpp:1: the first include of a source is its own header, results/text.hpp"],
        )
        self.assertNotEqual(complaints_with("results/text.cpp", other), [])

    def test_our_own_headers_are_included_from_the_root(self):
        (complaint,) = complaints_with("harness/a.cpp", '#include "tensor.hpp"\n')
        self.assertIn("is not a path from the repository root", complaint)


if __name__ == "__main__":
    unittest.main()
