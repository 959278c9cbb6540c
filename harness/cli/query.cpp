// `velo query`: asks the index, by a named query or in SQL, over a connection that only reads.
#include <ostream>

#include "analysis/queries.hpp"
#include "harness/cli/print.hpp"
#include "results/index.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct Choices {
  std::string query, where;
  std::string store = "results/store";
  bool list = false, footer = false;
  Format format = Format::table;
};

ExitCode list_queries(const Console& console, Format format) {
  Table table;
  for (const char* column : {"name", "answers", "metric", "direction", "pairing", "aggregation"})
    table.columns.push_back({column, ColumnType::text});
  for (const analysis::NamedQuery& query : analysis::named_queries())
    table.rows.push_back(
        {query.name, query.title, join_words(query.metrics), query.direction, query.pairing, query.aggregation});
  print_table(console, format, table);
  return ExitCode::ok;
}

ExitCode ask(const Console& console, const Choices& choices) {
  if (choices.query.empty()) throw Error("give a query by name (`velo query --list` shows them) or one SQL statement");
  const bool sql = choices.query.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos;
  const analysis::NamedQuery* named = sql ? nullptr : &analysis::named_query(choices.query);
  TrialIndex index = TrialIndex::open_read_only(Store::open(choices.store));
  if (!choices.where.empty()) (void)index.narrow(choices.where);
  const std::string& statement = sql ? choices.query : named->sql;
  Table table = index.query(statement);
  const analysis::Marks marks = named == nullptr ? analysis::Marks{} : analysis::take_marks(*named, table);
  const analysis::Provenance provenance = analysis::provenance_of(index, cat(statement, "\nwhere ", choices.where));
  print_sourced(console, choices.format, choices.footer, table, provenance, marks);
  for (const std::string& mixed : provenance.mixed) console.err << "note: " << mixed << '\n';
  return provenance.n + provenance.left_out > 0 ? ExitCode::ok : ExitCode::nothing_measured;
}

}  // namespace

Verb query_verb() {
  auto choices = std::make_shared<Choices>();
  return {.name = "query",
          .group = "Ask",
          .summary = "Ask the index of a store: a named query, or SQL (results/layout.md names its columns)",
          .examples = {"velo query --list", "velo query time_to_result --format latex > times.tex",
                       "velo query best --where 'algorithm=adamw and lr<1e-3'",
                       "velo query \"SELECT label, study, trial, status, best_validation FROM trials\"",
                       "velo query \"SELECT * FROM best_trials\" --format csv > best.csv"},
          .declare =
              [=](Options& o) {
                o.positional("QUERY", choices->query, "name of a query, or one SQL statement that only reads");
                o.flag("--list", choices->list, "list the named queries");
                o.value("--where", choices->where, "only trials that meet this: fields, hyperparameters, and or not",
                        "CONDITION");
                o.store(choices->store);
                declare_sourced(o, choices->format, choices->footer);
              },
          .action =
              [=](const Console& console) {
                return choices->list ? list_queries(console, choices->format) : ask(console, *choices);
              }};
}

}  // namespace velo
