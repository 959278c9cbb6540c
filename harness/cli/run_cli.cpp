#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "harness/cli/verb.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

std::function<std::string(const std::string&)> one_of(std::vector<std::string> words) {
  return [words = std::move(words)](const std::string& given) {
    for (const auto& word : words)
      if (word == given) return std::string();
    return cat("'", given, "' is not one of ", join_words(words, "or"), did_you_mean(given, words));
  };
}

}  // namespace

void Options::flag(const std::string& names, bool& target, const std::string& help) {
  app_->add_flag(names, target, help);
}

void Options::value(const std::string& names, std::string& target, const std::string& help,
                    const std::string& placeholder) {
  app_->add_option(names, target, help)->option_text(placeholder);
}

void Options::value(const std::string& names, std::int64_t& target, const std::string& help,
                    const std::string& placeholder) {
  app_->add_option(names, target, help)->option_text(placeholder);
}

void Options::value(const std::string& names, double& target, const std::string& help, const std::string& placeholder) {
  app_->add_option(names, target, help)->option_text(placeholder);
}

void Options::choice(const std::string& names, std::string& target, const std::vector<std::string>& words,
                     const std::string& help) {
  std::string placeholder;
  for (const auto& word : words) placeholder += (placeholder.empty() ? "" : "|") + word;
  app_->add_option(names, target, help)->option_text(placeholder)->check(one_of(words));
}

void Options::list(const std::string& names, std::vector<std::string>& target, const std::string& help,
                   const std::string& placeholder) {
  app_->add_option(names, target, help)->option_text(placeholder)->take_all()->allow_extra_args(false);
}

void Options::required(const std::string& name, std::string& target, const std::string& help) {
  app_->add_option(name, target, help)->required();
}

void Options::positional(const std::string& name, std::string& target, const std::string& help) {
  app_->add_option(name, target, help);
}

void Options::positionals(const std::string& name, std::vector<std::string>& target, const std::string& help) {
  app_->add_option(name, target, help);
}

void Options::format(Format& target) {
  const std::map<std::string, Format> words{{"table", Format::table},
                                            {"csv", Format::csv},
                                            {"json", Format::json},
                                            {"markdown", Format::markdown},
                                            {"latex", Format::latex}};
  app_->add_option_function<std::string>(
          "--format", [words, &target](const std::string& word) { target = words.at(word); }, "how to print the result")
      ->option_text("table|csv|json|markdown|latex")
      ->check(one_of({"table", "csv", "json", "markdown", "latex"}));
}

void Options::store(std::string& target) {
  app_->add_option("--out,--store", target, cat("the store (default ", target, ")"))->option_text("DIR");
}

namespace {

std::string footer(const Verb& verb) {
  std::string text = "Examples:\n";
  for (const auto& example : verb.examples) text += "  " + example + "\n";
  return text;
}

std::string program_path(const char* argv0) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(argv0) : path.string();
}

/// The usage error as one sentence, with the verb it concerns and the nearest verb where one was mistyped.
std::string usage_sentence(const CLI::ParseError& error, const std::vector<Verb>& verbs, int argc,
                           const char* const* argv) {
  std::vector<std::string> names;
  for (const auto& verb : verbs)
    if (!verb.hidden) names.push_back(verb.name);
  const std::string first = argc > 1 ? argv[1] : "";
  for (const auto& verb : verbs)
    if (verb.name == first) return cat(first, ": ", error.what(), "; see `velo ", first, " --help`");
  if (first.empty()) return "no verb was given; see `velo --help`";
  return cat("velo has no verb '", first, "'", did_you_mean(first, names), "; see `velo --help`");
}

}  // namespace

namespace {

int run_with(const Console& console, int argc, const char* const* argv) {
  CLI::App app("velo races neural-network training algorithms.", "velo");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  const std::vector<Verb> verbs = all_verbs();
  const Verb* chosen = nullptr;
  for (const Verb& verb : verbs) {
    CLI::App* sub = app.add_subcommand(verb.name, verb.summary);
    sub->group(verb.hidden ? "" : verb.group);
    sub->footer(footer(verb));
    Options options(*sub);
    verb.declare(options);
    sub->callback([&chosen, &verb] { chosen = &verb; });
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    app.exit(asked, console.out, console.err);
    return static_cast<int>(ExitCode::ok);
  } catch (const CLI::ParseError& error) {
    console.err << "velo: " << usage_sentence(error, verbs, argc, argv) << '\n';
    return static_cast<int>(ExitCode::usage);
  }

  try {
    const ExitCode code = chosen->action(console);
    console.out.flush();
    if (!console.out) throw Error("standard output could not be written");
    return static_cast<int>(code);
  } catch (const Error& error) {
    console.out.flush();
    console.err << "velo: " << error.what() << '\n';
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    console.out.flush();
    console.err << "velo: internal error in `" << chosen->name << "`: " << error.what() << '\n';
    return static_cast<int>(ExitCode::usage);
  }
}

}  // namespace

int run_cli(const Registry* registry, int argc, const char* const* argv) {
  const Console console{
      std::cout, std::cerr, registry, isatty(STDOUT_FILENO) == 1, isatty(STDERR_FILENO) == 1, program_path(argv[0])};
  return run_with(console, argc, argv);
}

int run_cli(const Registry* registry, const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  std::vector<const char*> argv{"velo"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return run_with({out, err, registry, false, false, program_path("velo")}, static_cast<int>(argv.size()), argv.data());
}

}  // namespace velo
