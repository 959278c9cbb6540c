#include "analysis/report/page.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "analysis/report/assets.hpp"
#include "analysis/report/figures.hpp"
#include "analysis/report/payload.hpp"
#include "analysis/report/svg.hpp"
#include "analysis/summary.hpp"
#include "analysis/table.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

/// 1234567.0 -> "1,234,567"; seconds and other small numbers keep their decimals.
std::string grouped(double value) {
  if (!std::isfinite(value)) return "not reached";
  if (value < 1000) return rounded(value);
  const std::string digits = number_text(static_cast<std::int64_t>(std::llround(value)));
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string fixed_score(double score) {
  const std::string digits = cat(10000 + std::llround(10000 * score));
  return cat(digits[0] == '1' ? "0." : "1.", digits.substr(1));
}

std::string two_digits(double share) {
  const std::string digits = cat(100 + std::llround(100 * share));
  return cat(digits[0] == '1' ? "0." : "1.", digits.substr(1));
}

std::string ordinal(std::size_t n) {
  const std::size_t last = n / 10 % 10 == 1 ? 0 : n % 10;
  return cat(n, last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th");
}

std::string element(const std::string& open, const std::string& inside, const std::string& tag) {
  return cat("<", open, ">", inside, "</", tag, ">");
}

std::string cell(const std::string& text, const std::string& attributes = "") {
  return cat("<td", attributes.empty() ? "" : cat(" ", attributes), ">", text, "</td>");
}

std::string number_cell(const std::string& text) { return cell(text, "class=\"n\""); }

std::string heads(const std::vector<std::string>& names, const std::set<std::string>& left) {
  std::string out = "<thead><tr>";
  for (const auto& name : names) {
    out += cat("<th scope=\"col\"", left.contains(name) ? "" : " class=\"n\"", ">", name, "</th>");
  }
  return out + "</tr></thead>";
}

std::string group_of(std::size_t workload, std::size_t algorithm) { return cat("w", workload, "-a", algorithm); }

std::string linked(const std::string& text, std::size_t workload, std::size_t algorithm) {
  return cat("<a href=\"#", group_of(workload, algorithm), "\">", text, "</a>");
}

std::string named(const ReportData& data, std::size_t algorithm) {
  return cat(swatch(algorithm), escaped(data.board.algorithms[algorithm].algorithm));
}

std::string card(const std::string& caption, const std::string& figure, const std::string& attributes = "") {
  if (figure.empty()) return "";
  return cat("<figure class=\"card\"", attributes, "><figcaption>", caption, "</figcaption>", figure, "</figure>");
}

std::size_t workload_number(const ReportData& data, const std::string& workload) {
  const auto& names = data.board.table.workloads;
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), workload) - names.begin());
}

template <typename Pick>
std::vector<std::string> distinct(const ReportData& data, const Pick& pick) {
  std::set<std::string> values;
  for (const TrialOutcome& trial : data.race.trials) {
    const std::string value = pick(trial);
    if (!value.empty()) values.insert(value);
  }
  return {values.begin(), values.end()};
}

std::string dates(const ReportData& data) {
  const auto all = distinct(data, [](const TrialOutcome& trial) { return trial.started.substr(0, 10); });
  if (all.empty()) return "";
  return all.size() == 1 ? all.front() : cat(all.front(), " to ", all.back());
}

// ---- header ----

std::string fact(const std::string& key, const std::string& value) {
  return value.empty() ? "" : cat("<div><dt>", key, "</dt><dd>", escaped(value), "</dd></div>");
}

std::string header(const ReportData& data) {
  std::size_t measured = 0, hits = 0;
  for (const TrialOutcome& trial : data.race.trials) {
    measured += trial.measured();
    hits += trial.reached;
  }
  const auto& board = data.board;
  std::string out = cat("<header class=\"top\"><div class=\"brand\">Velodrome · report</div><h1>",
                        escaped(data.race.sweep.empty() ? "All runs of the store" : data.race.sweep), "</h1><p>",
                        board.algorithms.size(), " training algorithms on ", board.table.workloads.size(),
                        board.table.workloads.size() == 1 ? " workload, " : " workloads, ", board.most_studies,
                        board.most_studies == 1 ? " study" : " studies", " each. Times are counted in ",
                        name(board.options.clock), ".</p><dl class=\"facts\">");
  out += fact("trials", cat(measured, " of ", data.race.asked));
  out += fact("reached the target", cat(hits));
  out += fact("run", dates(data));
  out += fact("hardware", join_words(distinct(data, [](const TrialOutcome& t) { return t.hardware_class; })));
  std::vector<std::string> commits;
  for (const auto& commit : distinct(data, [](const TrialOutcome& t) { return t.commit; })) {
    commits.push_back(commit.substr(0, 10) + (commit.ends_with('+') ? "+" : ""));
  }
  out += fact("commit", commits.empty() ? "" : join_words(commits));
  return out + "</dl></header>";
}

// ---- leaderboard ----

std::string remarks(const Leaderboard& board) {
  std::string out = "<ul class=\"notes\">";
  for (const std::string& note : notes(board)) out += element("li", escaped(note), "li");
  return out + "</ul>";
}

std::string pool_details(const ReportData& data) {
  const Leaderboard& board = data.board;
  if (board.pool.empty()) return "";
  std::string out =
      "<details><summary>Pool sensitivity: scores when one algorithm is left out</summary><div class=\"scroll\" "
      "tabindex=\"0\" role=\"region\" aria-label=\"Pool sensitivity\">"
      "<table><thead><tr><th scope=\"col\">left out</th><th scope=\"col\">winner</th>";
  for (const std::size_t s : board.by_rank())
    out += cat("<th scope=\"col\" class=\"n\">", escaped(board.algorithms[s].algorithm), "</th>");
  out += "</tr></thead><tbody>";
  for (const PoolChange& change : board.pool) {
    out += cat("<tr>", cell(escaped(change.without)),
               cell(cat(escaped(join_words(change.winners)), change.winner_changes ? " <b>(changes)</b>" : "")));
    for (const std::size_t s : board.by_rank()) {
      out += cell(std::isnan(change.scores[s]) ? "–" : fixed_score(change.scores[s]), "class=\"n\"");
    }
    out += "</tr>";
  }
  return out + "</tbody></table></div></details>";
}

std::string leaderboard_section(const ReportData& data) {
  const Leaderboard& board = data.board;
  std::string out =
      "<section id=\"leaderboard\"><h2>Leaderboard</h2><p class=\"say\">Score: area under the performance "
      "profile up to a ratio of ";
  out += cat(rounded(board.options.r_max), ", 1 is best. Interval: ", std::lround(100 * board.bootstrap.level),
             " % study bootstrap.</p>");
  out += "<div class=\"scroll\"><table>";
  std::vector<std::string> names{"rank", "algorithm", "score", "interval", "0 to 1"};
  for (std::size_t rank = 1; rank <= board.algorithms.size(); ++rank) names.push_back(cat("P(", ordinal(rank), ")"));
  names.emplace_back("workloads reached");
  out += heads(names, {"algorithm", names[4]}) + "<tbody>";
  for (const std::size_t s : board.by_rank()) {
    const ScoredAlgorithm& entry = board.algorithms[s];
    out += cat("<tr>", number_cell(cat(entry.rank)), cell(named(data, s), "class=\"name\""),
               cell(fixed_score(entry.score), "class=\"n best\""),
               number_cell(cat("<span class=\"range\">", fixed_score(entry.interval.low), " – ",
                               fixed_score(entry.interval.high), "</span>")),
               cell(score_track(data, s)));
    for (const double share : entry.rank_probability) {
      out += cell(share == 0 ? "·" : two_digits(share), cat("class=\"heat\" style=\"--p:", fixed_score(share), "\""));
    }
    const auto hit = std::count_if(entry.ratios.begin(), entry.ratios.end(), [](double r) { return r < not_reached; });
    out += number_cell(cat(hit, " of ", entry.ratios.size())) + "</tr>";
  }
  return out + "</tbody></table></div>" + remarks(board) + pool_details(data) + "</section>";
}

// ---- times ----

std::string times_section(const ReportData& data) {
  const Leaderboard& board = data.board;
  const Table table = time_table(data.race.trials, board);
  std::string out =
      cat("<section id=\"times\"><h2>Time to the target</h2><p class=\"say\">Medians over studies of the fastest "
          "trial; the interval is in ",
          name(board.options.clock),
          ". Filled marks reached the target, hollow ones were watched that long in vain; the bar is the interval "
          "of the median, in brackets what it covers at most where so few studies cannot reach the level. Every number "
          "leads to its trials.</p>");
  for (std::size_t w = 0; w < board.table.workloads.size(); ++w) {
    out += cat(
        "<div><h3>", escaped(board.table.workloads[w]), "</h3><div class=\"panels\"><div class=\"scroll\"><table>",
        heads({"algorithm", "example-gradients", "steps", "seconds", "interval", "studies", "trials", "best metric"},
              {"algorithm"}),
        "<tbody>");
    for (const auto& row : table.rows) {
      if (std::get<std::string>(row[0]) != board.table.workloads[w]) continue;
      const std::size_t s = data.series_of(std::get<std::string>(row[1]));
      const auto amount = [&](std::size_t column) {
        if (const auto* whole = std::get_if<std::int64_t>(&row[column]))
          return linked(grouped(static_cast<double>(*whole)), w, s);
        if (const auto* real = std::get_if<double>(&row[column])) return linked(grouped(*real), w, s);
        return std::string("<span class=\"range\">–</span>");
      };
      const WorkloadTime& time = board.times[s][w];
      const std::string interval =
          time.interval.low < not_reached
              ? cat(short_number(time.interval.low), " – ",
                    time.interval.high < not_reached ? short_number(time.interval.high) : "never")
              : std::string("never");
      const std::string covered =
          time.coverage < board.bootstrap.level ? cat(" (≤ ", std::lround(100 * time.coverage), " %)") : std::string();
      out += cat("<tr>", cell(named(data, s), "class=\"name\""),
                 number_cell(time.time < not_reached ? amount(2) : linked("not reached", w, s)), number_cell(amount(3)),
                 number_cell(amount(4)), number_cell(cat("<span class=\"range\">", interval, covered, "</span>")),
                 number_cell(std::get<std::string>(row[8])), number_cell(std::get<std::string>(row[9])),
                 number_cell(amount(10)), "</tr>");
    }
    out += cat("</tbody></table></div>", card("Every trial", time_figure(data, w)), "</div></div>");
  }
  return out + "</section>";
}

// ---- figures ----

std::string legend(const ReportData& data) {
  std::string out = "<div class=\"key\">";
  for (const std::size_t s : data.board.by_rank()) out += cat("<span>", named(data, s), "</span>");
  return out + "</div>";
}

std::string profile_section(const ReportData& data) {
  std::string out =
      cat("<section id=\"profiles\"><h2>Performance profiles</h2><p class=\"say\">On which share of the workloads was "
          "an algorithm at most τ times slower than the fastest? The score is the area under the curve. Bands: ",
          std::lround(100 * data.board.bootstrap.level), " % of the resamples, at each τ.</p>", legend(data),
          card("All algorithms", profile_figure(data)), "<div class=\"panels\">");
  for (const std::size_t s : data.board.by_rank()) {
    out += card(named(data, s), profile_panel(data, s));
  }
  return out + "</div></section>";
}

std::string curve_section(const ReportData& data) {
  std::string figures;
  for (std::size_t w = 0; w < data.board.table.workloads.size(); ++w) {
    figures += card(escaped(data.board.table.workloads[w]),
                    curve_figure(data, data.board.table.workloads[w], data.board.options.clock));
  }
  if (figures.empty()) return "";
  return cat(
      "<section id=\"curves\"><h2>Validation curves</h2><p class=\"say\">Thick: median over all trials, those that "
      "have "
      "ended counting with their last value. Faint: every trial. Marks on the target line: the evaluations that met "
      "it.</p>",
      legend(data), "<div class=\"panels\">", figures, "</div></section>");
}

std::string sensitivity_section(const ReportData& data) {
  std::string all;
  for (std::size_t w = 0; w < data.board.table.workloads.size(); ++w) {
    std::string panels;
    for (const std::size_t s : data.board.by_rank()) {
      const std::string& algorithm = data.board.algorithms[s].algorithm;
      for (const std::string& key : data.searched(algorithm)) {
        panels += card(cat(named(data, s), "<span class=\"soft\">", escaped(key), "</span>"),
                       sensitivity_figure(data, data.board.table.workloads[w], algorithm, key));
      }
    }
    if (!panels.empty())
      all += cat("<div><h3>", escaped(data.board.table.workloads[w]), "</h3><div class=\"panels\">", panels,
                 "</div></div>");
  }
  if (all.empty()) return "";
  return cat(
      "<section id=\"sensitivity\"><h2>Sensitivity to hyperparameters</h2><p class=\"say\">One mark per trial against "
      "each "
      "searched value; all searched values change at once from trial to trial. Hollow: the target was not reached. "
      "Where "
      "fewer than three trials reached it, the best metric is shown instead.</p>",
      all, "</section>");
}

std::string phase_section(const ReportData& data) {
  std::string figures;
  for (std::size_t w = 0; w < data.board.table.workloads.size(); ++w) {
    figures += card(escaped(data.board.table.workloads[w]), phase_figure(data, data.board.table.workloads[w]));
  }
  if (figures.empty()) return "";
  std::string key = "<div class=\"key\">";
  for (std::size_t p = 0; p < phases().size(); ++p) {
    key += cat("<span><i class=\"p", p, "\"></i>", phases()[p], p < 4 ? "" : " (off the clock)", "</span>");
  }
  const bool timeable =
      std::all_of(data.race.trials.begin(), data.race.trials.end(), [](const TrialOutcome& t) { return t.timeable; });
  return cat(
      "<section id=\"phases\"><h2>Where the time went</h2><p class=\"say\">Mean over all trials, whatever their end.",
      timeable ? "" : " Some trials shared their cores, so seconds are only indicative.", "</p>", key,
      "</div><div class=\"panels\">", figures, "</div></section>");
}

// ---- trials and provenance ----

std::string settings_text(const TrialOutcome& trial, const std::vector<std::string>& keys) {
  std::string out;
  for (const std::string& key : keys) {
    const auto found = trial.hyperparameters.find(key);
    if (found == trial.hyperparameters.end()) continue;
    const Setting& setting = found->second;
    out += cat(out.empty() ? "" : " · ", key, " ", setting.numeric ? rounded(setting.number, 3) : setting.text);
  }
  return out;
}

std::string trials_section(const ReportData& data) {
  std::string out = cat("<section id=\"trials\"><h2>Trials</h2><p class=\"say\">", data.race.trials.size(),
                        " trials. A time in brackets is how long a trial was watched without reaching the target."
                        "</p><div class=\"scroll\"><table><thead><tr>");
  const std::set<std::string> left{"workload", "algorithm", "ended by", "searched values", "run"};
  for (const char* head : {"workload", "algorithm", "study", "trial", "ended by", "example-gradients", "steps",
                           "seconds", "best metric", "searched values", "run"}) {
    out += cat("<th scope=\"col\"", left.contains(head) ? "" : " class=\"n\"", ">", head, "</th>");
  }
  out += "</tr></thead><tbody>";
  std::set<std::string> begun;
  for (std::size_t i = 0; i < data.race.trials.size(); ++i) {
    const TrialOutcome& t = data.race.trials[i];
    const std::size_t w = workload_number(data, t.workload), s = data.series_of(t.algorithm);
    const auto time = [&](Clock clock) {
      const std::string text = grouped(t.watched(clock));
      return cell(t.reached ? text : cat("(", text, ")"), cat("class=\"n", t.reached ? "" : " miss", "\""));
    };
    const bool first = begun.insert(group_of(w, s)).second;
    out += cat("<tr id=\"trial-", i, "\">",
               cell(cat(first ? cat("<span id=\"", group_of(w, s), "\"></span>") : "", escaped(t.workload))),
               cell(named(data, s)), number_cell(cat(t.study)), number_cell(cat(t.trial)),
               cell(escaped(cat(t.stop_reason.empty() ? t.status : t.stop_reason, t.resumed ? ", resumed" : ""))),
               time(Clock::example_gradients), time(Clock::steps), time(Clock::seconds),
               cell(std::isnan(t.best_metric) ? "–" : rounded(t.best_metric), "class=\"n\""),
               cell(escaped(settings_text(t, data.searched(t.algorithm))), "class=\"wrap\""),
               cell(cat("<code>", escaped(t.cell.substr(0, 10)), "/", escaped(t.run), "</code>")), "</tr>");
  }
  return out + "</tbody></table></div></section>";
}

std::string provenance_section(const ReportData& data) {
  const auto entry = [](const std::string& key, const std::string& value) {
    return value.empty() ? "" : cat("<dt>", key, "</dt><dd>", value, "</dd>");
  };
  const auto all = [&](const auto& pick) { return escaped(join_words(distinct(data, pick))); };
  const auto& board = data.board;
  std::string out = "<section id=\"provenance\"><h2>Where these numbers come from</h2><dl class=\"provenance\">";
  out += entry("made by", data.command.empty() ? "" : cat("<code>", escaped(data.command), "</code>"));
  out += entry("made at", escaped(data.made_at));
  out += entry("program", escaped(data.program));
  out += entry("store", cat("<code>", escaped(data.race.store), "</code>"));
  out += entry("sweep", data.race.source.empty()
                            ? ""
                            : cat(escaped(data.race.sweep), " (<code>", escaped(data.race.source), "</code>)"));
  out += entry("trials run at commit", all([](const TrialOutcome& t) { return t.commit; }));
  out += entry("hardware class", all([](const TrialOutcome& t) { return t.hardware_class; }));
  out += entry("algorithms", all([](const TrialOutcome& t) {
                 return t.algorithm == t.algorithm_version ? t.algorithm : cat(t.algorithm, " = ", t.algorithm_version);
               }));
  out += entry("workloads", all([](const TrialOutcome& t) {
                 return cat(t.workload, " (version ", t.workload_version, ", ", t.metric, " target ",
                            std::isnan(t.target) ? "none" : rounded(t.target, 6), ")");
               }));
  out += entry("division", all([](const TrialOutcome& t) { return t.division; }));
  out += entry("scored by", escaped(cat("clock ", name(board.options.clock), ", rules ", name(board.options.rules),
                                        ", r_max ", board.options.r_max)));
  out += entry("intervals", escaped(cat(board.bootstrap.resamples, " resamples of the studies, seed ",
                                        board.bootstrap.seed, ", nominal level ", board.bootstrap.level)));
  out +=
      "</dl><p class=\"say\">A run lies in the store below <code>trials/&lt;first two "
      "digits&gt;/&lt;cell&gt;/&lt;run&gt;</code>, with its "
      "resolved configuration, status and trajectory.</p><details><summary>All runs used here</summary><pre>";
  for (const TrialOutcome& t : data.race.trials)
    out += cat(escaped(t.cell), "/", escaped(t.run), "  ", escaped(t.workload), "  ", escaped(t.algorithm), "  study ",
               t.study, "  trial ", t.trial, "  ", escaped(t.started), "\n");
  return out + "</pre></details></section>";
}

std::string problems(const ReportData& data) {
  if (data.problems.empty()) return "";
  std::string out = "<div class=\"note\" role=\"note\"><ul>";
  for (const std::string& problem : data.problems) out += element("li", escaped(problem), "li");
  return out + "</ul></div>";
}

}  // namespace

namespace {

std::string head_of(const ReportData& data, const std::string& styles) {
  const std::string title = cat(data.race.sweep.empty() ? "store" : data.race.sweep, " · Velodrome report");
  return cat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><title>",
      escaped(title), "</title><style>", styles, "</style></head><body>");
}

const char* const colophon =
    "Velodrome, Apache-2.0. Scores follow AlgoPerf (Dahl et al., 2023) with an exact integral unless the rules say "
    "otherwise; performance profiles: Dolan and Moré, 2002.";

}  // namespace

std::string static_page(const ReportData& data) {
  return cat(head_of(data, std::string(report_style)),
             "<a class=\"skip\" href=\"#leaderboard\">Skip to the leaderboard</a>", header(data), "<main>",
             problems(data),
             "<p class=\"say\">These are the figures that the program draws itself. For interactive ones install npm "
             "(Debian package npm) and build again: <code>cmake build/release &amp;&amp; ./velo report</code>.</p>",
             leaderboard_section(data), times_section(data), profile_section(data), curve_section(data),
             sensitivity_section(data), phase_section(data), trials_section(data), provenance_section(data),
             "</main><footer>", colophon, "</footer></body></html>\n");
}

std::string interactive_page(const ReportData& data) {
  std::string contents = "<nav aria-label=\"Sections\">";
  for (const auto& [id, words] :
       std::initializer_list<std::pair<const char*, const char*>>{{"leaderboard", "Leaderboard"},
                                                                  {"profiles", "Profiles"},
                                                                  {"times", "Times"},
                                                                  {"curves", "Curves"},
                                                                  {"sensitivity", "Sensitivity"},
                                                                  {"phases", "Phases"},
                                                                  {"trials", "Trials"},
                                                                  {"provenance", "Provenance"}}) {
    contents += cat("<a href=\"#", id, "\">", words, "</a>");
  }
  contents += "</nav>";
  return cat(head_of(data, cat(report_style, view_style)),
             "<a class=\"skip\" href=\"#leaderboard\">Skip to the results</a>", header(data),
             "<div class=\"layout\"><aside id=\"filters\" aria-label=\"Filters\"><details open><summary>Contents and "
             "filters</summary>",
             contents, "<p id=\"counted\" role=\"status\"></p><form></form></details></aside><main>", problems(data),
             "<noscript><p>This page draws its figures by a script, which is switched off.</p></noscript>"
             "<div id=\"app\"></div><section id=\"pool\"><h2>About the scores of all trials</h2>",
             remarks(data.board), pool_details(data), "</section>", provenance_section(data), "</main></div><footer>",
             colophon, "<details><summary>Licences of the plotting library</summary><pre>", escaped(plot_licences),
             "</pre></details></footer><script type=\"application/json\" id=\"data\">", payload(data),
             "</script><script>", plot_library, "</script><script>", view_script, "</script></body></html>\n");
}

std::string report_page(const ReportData& data) {
  return plot_library.empty() ? static_page(data) : interactive_page(data);
}

void write_report(const ReportData& data, const std::filesystem::path& file) {
  if (file.has_parent_path()) make_folder(file.parent_path());
  replace_file(file, report_page(data));
}

}  // namespace velo::analysis
