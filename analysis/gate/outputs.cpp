#include "analysis/gate/outputs.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/report/assets.hpp"
#include "analysis/report/svg.hpp"
#include "analysis/table.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr GatePart every_part[] = {GatePart::replay, GatePart::quality, GatePart::speed};

bool is_open(GateVerdict verdict) {
  return verdict == GateVerdict::inconclusive || verdict == GateVerdict::nothing_measured;
}

std::size_t count(const GateReport& report, std::optional<GatePart> part, auto matches) {
  return static_cast<std::size_t>(std::count_if(report.cases.begin(), report.cases.end(), [&](const GateCase& one) {
    return (!part || one.part == *part) && matches(one.verdict);
  }));
}

std::string test_element(const GateCase& one) {
  std::string out = cat("    <testcase classname=\"velo.gate.", name(one.part), "\" name=\"", escaped(one.name), "\">");
  const std::string text = escaped(one.sentence);
  if (one.verdict == GateVerdict::regressed) {
    out += cat("<failure type=\"", one.word, "\" message=\"", text, "\"/>");
  } else if (is_open(one.verdict)) {
    out += cat("<error type=\"", one.word, "\" message=\"", text, "\"/>");
  } else {
    out += cat("<system-out>", one.word, ": ", text, "</system-out>");
  }
  return out + "</testcase>\n";
}

/// Escapes of GitHub's workflow commands: percent and line ends; in properties colon and comma as well.
std::string command_text(const std::string& text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%') {
      out += "%25";
    } else if (c == '\n') {
      out += "%0A";
    } else if (c == '\r') {
      out += "%0D";
    } else if (property && c == ':') {
      out += "%3A";
    } else if (property && c == ',') {
      out += "%2C";
    } else {
      out += c;
    }
  }
  return out;
}

std::string command(const std::string& kind, const std::string& title, const std::string& message) {
  return cat("::", kind, " title=", command_text(title, true), "::", command_text(message, false), "\n");
}

/// Bars and line ends would break a Markdown table, angle brackets and stars its text.
std::string markdown_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '_' || c == '<' || c == '`') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string markdown_rows(const GateReport& report, auto wanted) {
  std::string rows;
  for (const GateCase& one : report.cases)
    if (wanted(one))
      rows += cat("| ", name(one.part), " | ", markdown_text(one.name), " | ", markdown_text(one.word), " | ",
                  markdown_text(one.sentence), " |\n");
  return rows.empty() ? rows : cat("| part | case | verdict | what was found |\n|---|---|---|---|\n", rows);
}

bool is_plain(const GateCase& one) {
  return one.verdict == GateVerdict::equivalent && one.word != "changed" && one.word != "new" && one.word != "gone";
}

std::string curves(const GateCase& one) {
  std::vector<double> xs, ys;
  for (const GateCurve* curve : {&one.baseline_curve, &one.candidate_curve}) {
    xs.insert(xs.end(), curve->steps.begin(), curve->steps.end());
    for (const double y : curve->values)
      if (std::isfinite(y)) ys.push_back(y);
  }
  if (xs.empty() || ys.empty()) return {};
  if (one.target) ys.push_back(*one.target);
  const Frame frame{.width = 640, .height = 360};
  const auto [x_low, x_high] = std::minmax_element(xs.begin(), xs.end());
  const auto [y_low, y_high] = std::minmax_element(ys.begin(), ys.end());
  const Scale x = Scale::linear(*x_low, *x_high, frame.x0(), frame.x1());
  const Scale y = log_like(ys, 50) ? Scale::logarithmic(*y_low, *y_high, frame.y0(), frame.y1())
                                   : Scale::linear(*y_low, *y_high, frame.y0(), frame.y1());
  Plot plot(frame, x, y, cat(one.metric, " of ", one.name, " against steps: baseline and candidate"));
  plot.x_axis("steps");
  plot.y_axis(cat(one.metric, ", median over seeds"));
  if (one.target) plot.horizontal(*one.target, "target", "target", true);
  std::size_t series = 0;
  for (const auto& [label, curve] :
       {std::pair("baseline", &one.baseline_curve), std::pair("candidate", &one.candidate_curve)}) {
    std::vector<Point> points;
    for (std::size_t i = 0; i < curve->steps.size(); ++i)
      if (std::isfinite(curve->values[i])) points.push_back({curve->steps[i], curve->values[i]});
    plot.line(points, series++, "curve", label);
  }
  return cat("<figure>", plot.svg(), "<figcaption>", swatch(0), " baseline ", swatch(1),
             " candidate</figcaption></figure>");
}

}  // namespace

std::string junit_xml(const GateReport& report) {
  const auto is_failure = [](GateVerdict verdict) { return verdict == GateVerdict::regressed; };
  const auto any = [](GateVerdict) { return true; };
  const auto head = [&](std::optional<GatePart> part) {
    return cat("tests=\"", count(report, part, any), "\" failures=\"", count(report, part, is_failure), "\" errors=\"",
               count(report, part, is_open), "\"");
  };
  std::string out = cat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"velo gate ",
                        escaped(report.gate), "\" ", head({}), " time=\"", rounded(report.seconds), "\">\n");
  for (const GatePart part : every_part) {
    if (count(report, part, any) == 0) continue;
    out += cat("  <testsuite name=\"", name(part), "\" ", head(part), " timestamp=\"", report.date, "\">\n");
    for (const GateCase& one : report.cases)
      if (one.part == part) out += test_element(one);
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

std::string github_annotations(const GateReport& report) {
  std::string out;
  for (const GateCase& one : report.cases) {
    if (is_plain(one)) continue;
    const std::string kind = one.verdict == GateVerdict::regressed  ? "error"
                             : one.verdict == GateVerdict::improved ? "notice"
                                                                    : "warning";
    out += command(kind, cat("velo gate: ", name(one.part), " of ", one.name), cat(one.word, ": ", one.sentence));
  }
  const GateVerdict whole = report.verdict();
  return out + command(whole == GateVerdict::regressed ? "error"
                       : is_open(whole)                ? "warning"
                                                       : "notice",
                       "velo gate", gate_sentence(report));
}

std::string markdown_summary(const GateReport& report) {
  std::string out = cat("## velo gate ", markdown_text(report.gate), ": ", name(report.verdict()), "\n\n", "Candidate ",
                        markdown_text(report.candidate), " against ", markdown_text(report.baseline), ".\n\n");
  out += markdown_rows(report, [](const GateCase& one) { return !is_plain(one); });
  std::size_t unchanged = 0;
  for (const GateCase& one : report.cases) unchanged += one.word == "unchanged";
  if (unchanged > 0) out += cat("\n", unchanged, " replayed trajectories are unchanged, bit for bit.\n");
  const std::string rest =
      markdown_rows(report, [](const GateCase& one) { return is_plain(one) && one.word != "unchanged"; });
  if (!rest.empty()) out += cat("\n<details><summary>Everything else</summary>\n\n", rest, "\n</details>\n");
  for (const std::string& note : report.notes) out += cat("\n- ", markdown_text(note));
  return out + "\n";
}

std::string report_json(const GateReport& report) {
  using Json = nlohmann::ordered_json;
  const auto optional = [](const std::optional<double>& value) {
    return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
  };
  Json object = {{"layout", 1},
                 {"gate", report.gate},
                 {"date", report.date},
                 {"candidate", report.candidate},
                 {"baseline", report.baseline},
                 {"verdict", name(report.verdict())},
                 {"seconds", report.seconds}};
  object["cases"] = Json::array();
  for (const GateCase& one : report.cases) {
    if (one.word == "unchanged") continue;
    object["cases"].push_back({{"part", name(one.part)},
                               {"name", one.name},
                               {"verdict", one.word},
                               {"effect", optional(one.effect)},
                               {"low", optional(one.low)},
                               {"high", optional(one.high)},
                               {"margin", optional(one.margin)},
                               {"visible", optional(one.visible)},
                               {"sentence", one.sentence}});
  }
  return object.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool is_failing(const GateCase& one) { return !is_plain(one) && one.verdict != GateVerdict::improved; }

std::string case_page_name(const GateCase& one) {
  std::string out = cat(name(one.part), "_", one.name);
  for (char& c : out)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.') c = '_';
  return out + ".html";
}

std::string case_page(const GateReport& report, const GateCase& one) {
  const std::string title = cat(name(one.part), " of ", one.name, ": ", one.word);
  std::string rows;
  const auto row = [&](const std::string& what, const std::string& value) {
    rows += cat("<tr><th scope=\"row\">", escaped(what), "</th><td>", escaped(value), "</td></tr>");
  };
  row("gate", report.gate);
  row("candidate", report.candidate);
  row("baseline", report.baseline);
  row("date", report.date);
  if (one.effect) row("speedup of the candidate", percent_text(*one.effect, true));
  if (one.low && one.high) row("interval", cat(percent_text(*one.low, true), " to ", percent_text(*one.high, true)));
  if (one.margin) row("margin", percent_text(*one.margin));
  if (one.visible) row("smallest effect the sample sees", percent_text(*one.visible));
  return cat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><title>",
      escaped(title), "</title><style>", report_style, "</style></head><body><main><h1>", escaped(title), "</h1><p>",
      escaped(one.sentence), "</p>", curves(one), "<table>", rows, "</table></main></body></html>\n");
}

}  // namespace velo::analysis
