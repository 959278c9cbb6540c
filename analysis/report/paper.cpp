#include "analysis/report/paper.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "analysis/report/assets.hpp"
#include "analysis/report/figures.hpp"
#include "analysis/report/svg.hpp"
#include "analysis/table.hpp"
#include "results/error.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

constexpr double pixels_per_mm = 96 / 25.4;
constexpr double narrowest_panel = 230;  // pixels: 61 mm

/// The part of the report's style sheet that speaks of figures, with the values of its light colours: what draws SVG
/// outside a browser knows no custom properties.
std::string standalone_style() {
  std::map<std::string, std::string, std::less<>> values;
  const std::string_view sheet = report_style;
  const std::string_view root = sheet.substr(0, sheet.find('}'));
  for (std::size_t at = root.find("--"); at != std::string_view::npos; at = root.find("--", at)) {
    const std::size_t colon = root.find(':', at), end = root.find(';', colon);
    values[std::string(root.substr(at, colon - at))] = root.substr(colon + 2, end - colon - 2);
    at = end;
  }
  values["--panel"] = "#ffffff";
  const std::size_t first = sheet.find("svg text {"), last = sheet.find(".key {");
  std::string out;
  for (std::size_t at = first; at < last;) {
    const std::size_t next = std::min(sheet.find("var(", at), last);
    out += sheet.substr(at, next - at);
    if (next == last) break;
    const std::size_t close = sheet.find(')', next);
    out += values.at(std::string(sheet.substr(next + 4, close - next - 4)));
    at = close + 1;
  }
  return out +
         "svg { font-family: Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif; }\n"
         ".tick, .tick.name, .label { font-size: 9.3px; } .title, .name { font-size: 10.6px; }\n"
         ".heading { font-size: 10.6px; font-weight: bold; } .main { stroke-width: 1.5; } .faint { stroke-width: .6; "
         "}\n";
}

double height_of(const std::string& svg) {
  const std::size_t at = svg.find(" height=\"") + 9;
  return std::stod(svg.substr(at, svg.find('"', at) - at));
}

/// A panel without its links, which lead nowhere outside the report.
std::string placed(std::string svg, double x, double y) {
  for (std::size_t at = svg.find("<a "); at != std::string::npos; at = svg.find("<a ", at)) {
    svg.erase(at, svg.find('>', at) - at + 1);
  }
  for (std::size_t at = svg.find("</a>"); at != std::string::npos; at = svg.find("</a>", at)) svg.erase(at, 4);
  return cat("<svg x=\"", pixel(x), "\" y=\"", pixel(y), "\"", svg.substr(4));
}

struct Panel {
  std::string heading, svg;
};

/// A heading cut to the room that it has, at about 6.8 pixels a character.
std::string fitted(const std::string& heading, double room) {
  const auto most = static_cast<std::size_t>(room / 6.8);
  if (display_width(heading) <= most) return heading;
  std::size_t end = std::min(most - 1, heading.size());
  while (end > 0 && (static_cast<unsigned char>(heading[end]) & 0xc0) == 0x80) --end;  // not within a character
  return heading.substr(0, end) + "…";
}

/// Panels row by row, headings above them, keys in a legend below.
std::string sheet(const std::vector<Panel>& panels, std::size_t columns, double width,
                  const std::vector<std::pair<std::string, std::string>>& keys, const std::string& description) {
  std::string body;
  double top = 0;
  for (std::size_t i = 0; i < panels.size(); i += columns) {
    double tallest = 0;
    for (std::size_t c = 0; c < columns && i + c < panels.size(); ++c) {
      const auto& [heading, svg] = panels[i + c];
      const double x = static_cast<double>(c) * width / static_cast<double>(columns);
      const double room = heading.empty() ? 0 : 16;
      if (room > 0)
        body += cat("<text class=\"heading\" x=\"", pixel(x + 6), "\" y=\"", pixel(top + 12), "\">",
                    escaped(fitted(heading, width / static_cast<double>(columns) - 12)), "</text>");
      body += placed(svg, x, top + room);
      tallest = std::max(tallest, room + height_of(svg));
    }
    top += tallest + 4;
  }
  double x = 6;
  for (const auto& [sample, words] : keys) {
    const double wide = 46 + 7.0 * static_cast<double>(display_width(words));
    if (x > 6 && x + wide > width) {
      x = 6;
      top += 15;
    }
    body += cat("<g transform=\"translate(", pixel(x), " ", pixel(top), ")\">", sample,
                "<text class=\"name\" x=\"38\" y=\"11\">", escaped(words), "</text></g>");
    x += wide;
  }
  if (!keys.empty()) top += 18;
  return cat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"",
             rounded(width / pixels_per_mm), "mm\" height=\"", rounded(top / pixels_per_mm), "mm\" viewBox=\"0 0 ",
             pixel(width), " ", pixel(top), "\"><title>", escaped(description), "</title><style>", standalone_style(),
             "</style>", body, "</svg>\n");
}

std::vector<std::string> chosen_workloads(const ReportData& data, const PaperOptions& options) {
  const auto& all = data.board.table.workloads;
  for (const std::string& asked : options.workloads) {
    if (std::find(all.begin(), all.end(), asked) == all.end())
      throw Error(
          cat("there is no workload '", asked, "' in this race; there is ", join_words(all), did_you_mean(asked, all)));
  }
  return options.workloads.empty() ? all : options.workloads;
}

std::string chosen_hyperparameter(const ReportData& data, const std::string& asked) {
  std::set<std::string> searched;
  for (const std::string& algorithm : data.board.table.algorithms) {
    for (const std::string& key : data.searched(algorithm)) searched.insert(key);
  }
  const std::vector<std::string> names(searched.begin(), searched.end());
  if (names.empty()) throw Error("no hyperparameter differs among these trials", ExitCode::nothing_measured);
  if (!asked.empty()) {
    if (searched.contains(asked)) return asked;
    throw Error(cat("no algorithm of this race searched '", asked, "'; searched were ", join_words(names),
                    did_you_mean(asked, names)));
  }
  for (const char* rate : {"lr", "learning_rate"}) {
    if (searched.contains(rate)) return rate;
  }
  return names.front();
}

}  // namespace

const std::vector<PaperFigure>& paper_figures() {
  static const std::vector<PaperFigure> all{{"scores", "scores with their intervals"},
                                            {"profile", "performance profiles"},
                                            {"times", "time to the target of every trial, a panel per workload"},
                                            {"survival", "share of trials that have reached the target by when"},
                                            {"curves", "validation curves: every trial, median, target"},
                                            {"sensitivity", "outcome against a searched value, a panel per algorithm"},
                                            {"parallel", "parallel coordinates of what was searched, likewise"},
                                            {"phases", "where the time went"}};
  return all;
}

std::string paper_figure(const ReportData& data, const std::string& name, const PaperOptions& options) {
  std::vector<std::string> names;
  for (const PaperFigure& figure : paper_figures()) names.push_back(figure.name);
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw Error(cat("there is no figure '", name, "'; there is ", join_words(names), did_you_mean(name, names)));
  if (!(options.width_mm >= 40 && options.width_mm <= 1000))
    throw Error(cat("a figure is 40 to 1000 mm wide, not ", rounded(options.width_mm)));
  const double width = options.width_mm * pixels_per_mm;
  const auto workloads = chosen_workloads(data, options);
  std::vector<Panel> panels;
  std::size_t columns = 1;
  std::vector<std::pair<std::string, std::string>> keys;
  const auto fit = [&](std::size_t count) {
    columns =
        std::clamp<std::size_t>(static_cast<std::size_t>(width / narrowest_panel), 1, std::max<std::size_t>(count, 1));
    return width / static_cast<double>(columns);
  };
  const auto add_algorithms = [&] {
    for (const std::size_t s : data.board.by_rank()) keys.emplace_back(swatch(s), data.board.algorithms[s].algorithm);
  };
  const auto add = [&](const std::string& heading, const std::string& svg) {
    if (!svg.empty()) panels.push_back({heading, svg});
  };
  if (name == "scores") add("", score_figure(data, width));
  if (name == "profile") {
    add("", profile_figure(data, width));
    add_algorithms();
  }
  if (name == "times" || name == "survival" || name == "curves" || name == "phases") {
    const double each = fit(workloads.size());
    const RaceSurvival race = name == "survival" ? race_survival(data.race.trials, data.board.options) : RaceSurvival{};
    for (const std::string& workload : workloads) {
      const auto& all = data.board.table.workloads;
      const auto w = static_cast<std::size_t>(std::find(all.begin(), all.end(), workload) - all.begin());
      if (name == "times") add(workload, time_figure(data, w, each));
      if (name == "survival") add(workload, survival_figure(data, race, workload, each));
      if (name == "curves") add(workload, curve_figure(data, workload, data.board.options.clock, each));
      if (name == "phases") add(workload, phase_figure(data, workload, each));
    }
    if (name == "curves" || name == "survival") add_algorithms();
    if (name == "phases") {
      for (std::size_t p = 0; p < phases().size(); ++p)
        keys.emplace_back(cat("<rect class=\"p", p, "\" x=\"22\" y=\"2\" width=\"11\" height=\"11\"/>"), phases()[p]);
    }
  }
  if (name == "sensitivity" || name == "parallel") {
    const std::string key = chosen_hyperparameter(data, options.hyperparameter);
    const double each = fit(workloads.size() * data.board.algorithms.size());
    for (const std::string& workload : workloads) {
      for (const std::size_t s : data.board.by_rank()) {
        const std::string& algorithm = data.board.algorithms[s].algorithm;
        const auto searched = data.searched(algorithm);
        const std::string heading = cat(algorithm, " on ", workload);
        if (name == "parallel") {
          add(heading, parallel_figure(data, workload, algorithm, each));
        } else if (std::find(searched.begin(), searched.end(), key) != searched.end()) {
          add(heading, sensitivity_figure(data, workload, algorithm, key, each));
        }
      }
    }
  }
  if (panels.empty())
    throw Error(cat("these trials have nothing to draw for '", name, "'"), ExitCode::nothing_measured);
  return sheet(panels, columns, width, keys, cat(name, " of ", data.race.sweep.empty() ? "a store" : data.race.sweep));
}

}  // namespace velo::analysis
