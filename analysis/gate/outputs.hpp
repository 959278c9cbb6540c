// analysis/gate/outputs.hpp
//
// A gate's report in the forms that a CI reads.
#pragma once

#include <string>

#include "analysis/gate/verdict.hpp"

namespace velo::analysis {

/// JUnit XML (the schema that Jenkins, GitLab and GitHub's report actions read): one suite a part, one test a case.
/// regressed: failure; inconclusive and nothing measured: error; the others pass, their sentence in system-out.
[[nodiscard]] std::string junit_xml(const GateReport& report);

/// GitHub's workflow commands, a line each: ::error for what regressed, ::warning for what is open or changed, ::notice
/// for what improved; nothing for the rest. Last the whole.
[[nodiscard]] std::string github_annotations(const GateReport& report);

/// Markdown for $GITHUB_STEP_SUMMARY or a comment: the whole, a table of what is not plainly equivalent, the rest
/// folded away.
[[nodiscard]] std::string markdown_summary(const GateReport& report);

/// One object: what `velo history` reads of earlier gates.
[[nodiscard]] std::string report_json(const GateReport& report);

/// A page of its own for one case: verdict, numbers, and both curves of the metric against steps where it has some.
[[nodiscard]] std::string case_page(const GateReport& report, const GateCase& one);
/// A file name for it: "quality_fashion_mnist_mlp_adamw.html".
[[nodiscard]] std::string case_page_name(const GateCase& one);
/// Whether the case deserves a page: regressed, inconclusive or changed.
[[nodiscard]] bool is_failing(const GateCase& one);

}  // namespace velo::analysis
