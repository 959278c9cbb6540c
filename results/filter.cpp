#include "results/filter.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>

#include "results/error.hpp"
#include "results/fields.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

/// Columns of `trials`, and whether they hold numbers.
const std::map<std::string, bool, std::less<>>& columns() {
  static const auto known = [] {
    std::map<std::string, bool, std::less<>> out{{"seconds", true}, {"speaks", true}};
    TrialSummary any;
    visit_fields(any, [&](const Field& field, const auto& member) {
      using Member = std::decay_t<decltype(member)>;
      // The derived seed is kept as text: it may exceed SQLite's integers.
      out[std::string(field.name)] =
          std::is_arithmetic_v<Member>
              ? field.name != "seed"
              : std::is_same_v<Member, std::optional<double>> || std::is_same_v<Member, std::optional<std::int64_t>>;
    });
    return out;
  }();
  return known;
}

enum class Kind { word, quoted, symbol, end };

struct Token {
  Kind kind = Kind::end;
  std::string text;
  std::size_t place = 0;  // from 1
};

bool in_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("_.:+-/@").find(c) != std::string_view::npos;
}

class Parser {
 public:
  Parser(std::string_view text, const std::set<Hyperparameter>& hyperparameters)
      : text_(text), hyperparameters_(hyperparameters) {
    take();
  }

  Filter parse() {
    if (token_.kind == Kind::end) throw Error("the filter is empty; write a condition such as lr<1e-3");
    Filter filter{std::string(text_), any(0), {}};
    if (token_.kind != Kind::end) fail("ends before it; join conditions by 'and' or 'or'");
    filter.values = std::move(values_);
    return filter;
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(cat("filter '", text_, "', at character ", token_.place, " (",
                    token_.kind == Kind::end ? "its end" : cat("'", token_.text, "'"), "): ", what));
  }

  void take() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    token_ = {Kind::end, "", at_ + 1};
    if (at_ == text_.size()) return;
    const char c = text_[at_];
    if (c == '\'' || c == '"') {
      const auto close = text_.find(c, at_ + 1);
      token_ = {Kind::quoted,
                std::string(text_.substr(at_ + 1, close == std::string_view::npos ? close : close - at_ - 1)), at_ + 1};
      if (close == std::string_view::npos) fail("a quoted text begins here and does not end");
      at_ = close + 1;
    } else if (in_word(c)) {
      std::size_t end = at_;
      while (end < text_.size() && in_word(text_[end])) ++end;
      token_ = {Kind::word, std::string(text_.substr(at_, end - at_)), at_ + 1};
      at_ = end;
    } else {
      const bool two =
          at_ + 1 < text_.size() && text_[at_ + 1] == '=' && std::string_view("!<>=").find(c) != std::string_view::npos;
      token_ = {Kind::symbol, std::string(text_.substr(at_, two ? 2 : 1)), at_ + 1};
      at_ += token_.text.size();
    }
  }

  bool accept(Kind kind, std::string_view text) {
    if (token_.kind != kind || token_.text != text) return false;
    take();
    return true;
  }

  std::string any(int depth) {
    std::string sql = all(depth);
    while (accept(Kind::word, "or")) sql = cat("(", sql, " OR ", all(depth), ")");
    return sql;
  }

  std::string all(int depth) {
    std::string sql = one(depth);
    while (accept(Kind::word, "and")) sql = cat("(", sql, " AND ", one(depth), ")");
    return sql;
  }

  std::string one(int depth) {
    if (depth > 50) fail("too many parentheses");
    if (accept(Kind::word, "not")) return cat("NOT ", one(depth + 1));
    if (accept(Kind::symbol, "(")) {
      std::string sql = cat("(", any(depth + 1), ")");
      if (!accept(Kind::symbol, ")")) fail("a parenthesis is not closed");
      return sql;
    }
    return comparison();
  }

  std::string comparison() {
    if (token_.kind != Kind::word) fail("expected the name of a field");
    const Token field = token_;
    take();
    const bool within = accept(Kind::word, "in");
    std::string compare = "=";
    if (!within) {
      static const std::set<std::string, std::less<>> known{"=", "==", "!=", "<", "<=", ">", ">="};
      if (token_.kind != Kind::symbol || known.count(token_.text) == 0)
        fail(cat("expected one of = != < <= > >= or 'in' behind '", field.text, "'"));
      compare = token_.text == "==" ? "=" : token_.text;
      take();
    }
    std::vector<Token> given;
    if (within) {
      if (!accept(Kind::symbol, "(")) fail("expected a list in parentheses behind 'in'");
      do given.push_back(value());
      while (accept(Kind::symbol, ","));
      if (!accept(Kind::symbol, ")")) fail("the list is not closed; its values are parted by commas");
    } else {
      given.push_back(value());
    }
    return compared(field, compare, given);
  }

  Token value() {
    if (token_.kind != Kind::word && token_.kind != Kind::quoted) fail("expected a value");
    Token out = token_;
    take();
    return out;
  }

  static bool as_number(const Token& token, double& out) {
    if (token.kind == Kind::quoted) return false;
    if (token.text == "true" || token.text == "false") {
      out = token.text == "true" ? 1 : 0;
      return true;
    }
    const char* first = token.text.data() + (token.text.starts_with('+') ? 1 : 0);
    const char* last = token.text.data() + token.text.size();
    return first != last && std::from_chars(first, last, out).ptr == last &&
           std::from_chars(first, last, out).ec == std::errc();
  }

  std::string compared(const Token& field, const std::string& compare, const std::vector<Token>& given) {
    const auto column = columns().find(field.text);
    if (column != columns().end()) {
      std::string sql;
      for (const Token& token : given) {
        double number = 0;
        const bool numeric = as_number(token, number);
        if (column->second && !numeric)
          throw Error(cat("filter '", text_, "': '", field.text, "' is a number and cannot be compared with '",
                          token.text, "'"));
        values_.push_back(column->second ? TableValue(number) : TableValue(token.text));
        sql += cat(sql.empty() ? "" : " OR ", field.text, " ", compare, " ?");
      }
      return cat("coalesce(", given.size() > 1 ? cat("(", sql, ")") : sql, ", 0)");
    }
    std::string sql;
    for (const std::string& path : hyperparameter(field)) {
      for (const Token& token : given) {
        double number = 0;
        const bool numeric = as_number(token, number);
        const bool truth = token.text == "true" || token.text == "false";
        // json_type keeps "1" and 1 apart; an absent path has no type.
        const char* types = truth ? "IN ('true', 'false')" : numeric ? "IN ('integer', 'real')" : "= 'text'";
        values_.emplace_back(path);
        values_.emplace_back(path);
        values_.push_back(numeric ? TableValue(number) : TableValue(token.text));
        sql += cat(sql.empty() ? "" : " OR ", "(coalesce(json_type(algorithm_parameters, ?), '') ", types,
                   " AND json_extract(algorithm_parameters, ?) ", compare, " ?)");
      }
    }
    return cat("(", sql, ")");
  }

  /// JSON paths of the hyperparameters that `field` names.
  [[nodiscard]] std::vector<std::string> hyperparameter(const Token& field) const {
    std::string name = field.text;
    if (name.starts_with("parameter.")) name.erase(0, std::string_view("parameter.").size());
    std::vector<std::string> paths;
    for (const auto& [known, path] : hyperparameters_) {
      std::string_view plain = known;
      if (plain.ends_with(".value")) plain.remove_suffix(6);
      if (ends_in(known, name) || ends_in(plain, name)) paths.push_back(path);
    }
    if (!paths.empty()) return paths;
    std::vector<std::string> names;
    for (const auto& [column, numeric] : columns()) names.push_back(column);
    for (const auto& [known, path] : hyperparameters_) {
      names.push_back(known);
      names.push_back(known.substr(known.rfind('.') + 1));
    }
    throw Error(cat("filter '", text_, "': there is no field and no hyperparameter '", field.text, "'",
                    did_you_mean(name, names)));
  }

  static bool ends_in(std::string_view known, std::string_view name) {
    return known == name ||
           (known.size() > name.size() && known.ends_with(name) && known[known.size() - name.size() - 1] == '.');
  }

  std::string_view text_;
  const std::set<Hyperparameter>& hyperparameters_;
  std::size_t at_ = 0;
  Token token_;
  std::vector<TableValue> values_;
};

void collect(const nlohmann::json& node, const Hyperparameter& at, std::set<Hyperparameter>& into) {
  if (node.is_object()) {
    for (const auto& [key, value] : node.items())
      if (key.find('"') == std::string::npos)
        collect(value, {at.name.empty() ? key : cat(at.name, ".", key), cat(at.path, ".\"", key, "\"")}, into);
  } else if (!at.name.empty() && node.is_primitive() && !node.is_null()) {
    into.insert(at);
  }
}

}  // namespace

void collect_hyperparameters(const std::string& json, std::set<Hyperparameter>& into) {
  collect(nlohmann::json::parse(json, nullptr, false), {"", "$"}, into);
}

Filter parse_filter(std::string_view text, const std::set<Hyperparameter>& hyperparameters) {
  return Parser(text, hyperparameters).parse();
}

}  // namespace velo
