#include "results/filter.hpp"

#include "tests/results/sample.hpp"

using namespace velo;
using namespace velo::test;

namespace {

std::set<Hyperparameter> known() {
  std::set<Hyperparameter> names;
  collect_hyperparameters(R"({"lr": 0.1, "nesterov": false, "decay": "coupled"})", names);
  collect_hyperparameters(R"({"inner.lr": {"value": 0.1, "schedule": "cosine"}, "k": 5})", names);
  return names;
}

std::string refusal(const std::string& text) {
  return error_of([&] { (void)parse_filter(text, known()); });
}

}  // namespace

TEST_CASE("a filter is SQL with a mark for everything that was typed as a value") {
  const Filter filter = parse_filter("algorithm=adamw and study>=2", known());
  CHECK(filter.sql == "(coalesce(algorithm = ?, 0) AND coalesce(study >= ?, 0))");
  REQUIRE(filter.values.size() == 2);
  CHECK(std::get<std::string>(filter.values[0]) == "adamw");
  CHECK(std::get<double>(filter.values[1]) == 2);
}

TEST_CASE("and binds tighter than or, parentheses tighter than both") {
  CHECK(parse_filter("study=1 or study=2 and trial=3", {}).sql ==
        "(coalesce(study = ?, 0) OR (coalesce(study = ?, 0) AND coalesce(trial = ?, 0)))");
  CHECK(parse_filter("(study=1 or study=2) and not trial=3", {}).sql ==
        "(((coalesce(study = ?, 0) OR coalesce(study = ?, 0))) AND NOT coalesce(trial = ?, 0))");
}

TEST_CASE("the end of a hyperparameter's name means all that end so, by their base value") {
  const Filter filter = parse_filter("lr < 1e-3", known());
  std::set<std::string> paths;
  for (const TableValue& value : filter.values)
    if (const auto* text = std::get_if<std::string>(&value)) paths.insert(*text);
  CHECK(paths == std::set<std::string>{R"($."lr")", R"($."inner.lr"."value")"});
}

TEST_CASE("a list, quotes, truth values and signs are values") {
  CHECK(parse_filter("label in ('a b', \"c\", d)", {}).values.size() == 3);
  CHECK(std::get<double>(parse_filter("best_validation > -1e-3", {}).values[0]) == -1e-3);
  CHECK(std::get<double>(parse_filter("nesterov = false", known()).values[2]) == 0);
  CHECK(std::get<std::string>(parse_filter("started_at < 2026-01-01", {}).values[0]) == "2026-01-01");
}

TEST_CASE("mistakes are named with their place, or the nearest name") {
  CHECK(refusal("algoritm=adamw") ==
        "filter 'algoritm=adamw': there is no field and no hyperparameter 'algoritm' (did you mean 'algorithm'?)");
  CHECK(refusal("nestrov=true") ==
        "filter 'nestrov=true': there is no field and no hyperparameter 'nestrov' (did you mean 'nesterov'?)");
  CHECK(refusal("study=two") == "filter 'study=two': 'study' is a number and cannot be compared with 'two'");
  CHECK(refusal("") == "the filter is empty; write a condition such as lr<1e-3");
  CHECK(refusal("lr") == "filter 'lr', at character 3 (its end): expected one of = != < <= > >= or 'in' behind 'lr'");
  CHECK(refusal("lr<") == "filter 'lr<', at character 4 (its end): expected a value");
  CHECK(refusal("lr<1 trial=2") ==
        "filter 'lr<1 trial=2', at character 6 ('trial'): ends before it; join conditions by 'and' or 'or'");
  CHECK(refusal("(lr<1") == "filter '(lr<1', at character 6 (its end): a parenthesis is not closed");
  CHECK(refusal("label='a") == "filter 'label='a', at character 7 ('a'): a quoted text begins here and does not end");
  CHECK(refusal("1=1; DROP TABLE runs").starts_with("filter '1=1; DROP TABLE runs'"));
}
