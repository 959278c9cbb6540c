#include "analysis/provenance.hpp"

#include <set>

#include "analysis/table.hpp"
#include "results/text.hpp"

namespace velo::analysis {

namespace {

std::int64_t whole(const TableValue& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

std::string text(const TableValue& value) {
  const auto* word = std::get_if<std::string>(&value);
  return word == nullptr ? "" : *word;
}

}  // namespace

Provenance provenance_of(const TrialIndex& index, std::string_view asked) {
  Provenance out;
  out.query = sha256(asked).substr(0, 12);
  std::uint64_t digest = 0;
  std::string first, last;
  std::int64_t runs = 0;
  for (const auto& row : index
                             .query("SELECT runs, trials, failed, unfinished, digest, first_started, first_commit, "
                                    "last_started, last_commit FROM entry_summaries ORDER BY entry")
                             .rows) {
    runs += whole(row[0]);
    out.n += whole(row[1]);
    out.failed += whole(row[2]);
    out.unfinished += whole(row[3]);
    digest += static_cast<std::uint64_t>(whole(row[4]));
    const std::string begun = text(row[5]), ended = text(row[7]);
    if (first.empty() || begun < first) {
      first = begun;
      out.first_commit = text(row[6]);
    }
    if (last.empty() || ended >= last) {
      last = ended;
      out.last_commit = text(row[8]);
    }
  }
  out.left_out = runs - out.n + whole(index.query("SELECT count(*) FROM left_out").rows.at(0)[0]);
  out.runs = sha256(cat(out.n, " ", std::to_string(digest))).substr(0, 12);
  for (const auto& row :
       index
           .query(
               "SELECT workload || workload_changes AS name, count(DISTINCT workload_version) AS versions, "
               "count(DISTINCT division) AS divisions, count(DISTINCT coalesce(validation_target, 'none')) AS targets "
               "FROM entry_summaries AS s JOIN entries ON entries.id = s.entry JOIN races ON races.id = entries.race "
               "GROUP BY workload, workload_changes HAVING versions > 1 OR divisions > 1 OR targets > 1 ORDER BY name")
           .rows) {
    std::vector<std::string> what;
    for (const auto& [column, word] : {std::pair{1, "versions"}, {2, "divisions"}, {3, "validation targets"}})
      if (whole(row[static_cast<std::size_t>(column)]) > 1)
        what.push_back(cat(whole(row[static_cast<std::size_t>(column)]), " ", word));
    out.mixed.push_back(cat(text(row[0]), " occurs with ", join_words(what),
                            ", which do not compare: their rows stand apart; narrow the question by --where"));
  }
  return out;
}

Provenance provenance_of(const Race& race, std::string_view asked) {
  Provenance out;
  out.query = sha256(asked).substr(0, 12);
  out.left_out = static_cast<std::int64_t>(race.superseded + race.unreadable);
  std::string runs, first, last;
  std::set<std::string> commits;
  for (const TrialOutcome& trial : race.trials) {
    ++out.n;
    const bool failed = trial.status == "failed" || trial.broke_down();
    out.failed += failed ? 1 : 0;
    out.unfinished += !failed && !trial.measured() ? 1 : 0;
    runs +=
        cat(trial.workload, " ", trial.algorithm, " ", trial.study, " ", trial.trial, " ", trial.cell, "/", trial.run,
            " ", trial.reached ? "" : "not ", trial.example_gradients, " ", trial.steps, " ", trial.seconds, "\n");
    commits.insert(trial.commit);
    if (first.empty() || trial.started < first) {
      first = trial.started;
      out.first_commit = trial.commit;
    }
    if (last.empty() || trial.started >= last) {
      last = trial.started;
      out.last_commit = trial.commit;
    }
  }
  if (last.empty() && commits.size() > 1) {
    out.first_commit = out.last_commit = "";
    out.commits = static_cast<std::int64_t>(commits.size());
  }
  out.runs = sha256(runs).substr(0, 12);
  return out;
}

std::string sentence(const Provenance& p) {
  const auto commit = [](const std::string& c) { return c.empty() ? std::string("unknown") : c.substr(0, 12); };
  const std::string commits = p.commits > 0 ? cat(p.commits, " commits")
                              : p.first_commit == p.last_commit
                                  ? cat("commit ", commit(p.first_commit))
                                  : cat("commits ", commit(p.first_commit), "..", commit(p.last_commit));
  return cat("query ", p.query, ", runs ", p.runs, ", ", commits, ", n = ", p.n, ", ", p.failed,
             p.failed == 0 ? " failed, " : " failed or broke down, ", p.unfinished, " unfinished, ", p.left_out,
             " left out (superseded or unreadable)");
}

std::string to_json(const Provenance& p) {
  std::string mixed;
  for (const std::string& text : p.mixed) mixed += cat(mixed.empty() ? "" : ", ", json_string(text));
  return cat("{\"query\": ", json_string(p.query), ", \"runs\": ", json_string(p.runs),
             ", \"first_commit\": ", json_string(p.first_commit), ", \"last_commit\": ", json_string(p.last_commit),
             ", \"commits\": ", p.commits, ", \"n\": ", p.n, ", \"failed\": ", p.failed,
             ", \"unfinished\": ", p.unfinished, ", \"left_out\": ", p.left_out, ", \"mixed\": [", mixed, "]}");
}

}  // namespace velo::analysis
