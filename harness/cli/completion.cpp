// `velo completion`: completion scripts for three shells, made from the verb table.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <sstream>

#include "harness/cli/verb.hpp"
#include "results/shell.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

struct Option {
  std::vector<std::string> flags;  ///< "--format", "-q"
  std::vector<std::string> words;  ///< what may follow, where that is a fixed list
  std::string help;
};

struct VerbOptions {
  std::string name;
  std::string summary;
  std::vector<Option> options;
};

/// "table|csv|json" -> the three words; a placeholder like "DIR" -> none.
std::vector<std::string> alternatives(const std::string& placeholder) {
  std::vector<std::string> words;
  if (placeholder.find('|') == std::string::npos) return words;
  std::istringstream in(placeholder);
  for (std::string word; std::getline(in, word, '|');) words.push_back(word);
  return words;
}

std::vector<VerbOptions> table() {
  std::vector<VerbOptions> out;
  for (const Verb& verb : all_verbs()) {
    if (verb.hidden) continue;
    CLI::App app;
    Options options(app);
    verb.declare(options);
    VerbOptions entry{verb.name, verb.summary, {}};
    for (const CLI::Option* option : app.get_options()) {
      Option o;
      for (const auto& name : option->get_snames()) o.flags.push_back("-" + name);
      for (const auto& name : option->get_lnames()) o.flags.push_back("--" + name);
      if (o.flags.empty()) continue;
      o.words = alternatives(option->get_option_text());
      o.help = option->get_description();
      entry.options.push_back(std::move(o));
    }
    out.push_back(std::move(entry));
  }
  return out;
}

std::string spaced(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

void print_bash(std::ostream& out, const std::vector<VerbOptions>& verbs) {
  std::string names;
  for (const auto& verb : verbs) names += verb.name + " ";
  out << "_velo() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} words=\n"
         "  COMPREPLY=()\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      << "    words='" << names << "--help --version'\n"
      << "  else\n"
         "    case \"$verb $previous\" in\n";
  for (const auto& verb : verbs)
    for (const auto& option : verb.options)
      for (const auto& flag : option.flags)
        if (!option.words.empty())
          out << "      '" << verb.name << ' ' << flag << "') words='" << spaced(option.words) << "' ;;\n";
  out << "    esac\n"
         "    if [ -z \"$words\" ]; then\n"
         "      case $current in\n"
         "        -*)\n"
         "          case $verb in\n";
  for (const auto& verb : verbs) {
    std::vector<std::string> flags;
    for (const auto& option : verb.options) flags.insert(flags.end(), option.flags.begin(), option.flags.end());
    out << "            " << verb.name << ") words='" << spaced(flags) << "' ;;\n";
  }
  out << "          esac\n"
         "          ;;\n"
         "      esac\n"
         "    fi\n"
         "  fi\n"
         "  if [ -n \"$words\" ]; then COMPREPLY=($(compgen -W \"$words\" -- \"$current\")); fi\n"
         "}\n"
         "complete -o default -F _velo velo ./velo\n";
}

void print_fish(std::ostream& out, const std::vector<VerbOptions>& verbs) {
  for (const auto& verb : verbs)
    out << "complete -c velo -n __fish_use_subcommand -a " << verb.name << " -d " << shell_quoted(verb.summary) << '\n';
  for (const auto& verb : verbs)
    for (const auto& option : verb.options) {
      out << "complete -c velo -n '__fish_seen_subcommand_from " << verb.name << "'";
      for (const auto& flag : option.flags)
        out << (flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1));
      if (!option.words.empty()) out << " -x -a " << shell_quoted(spaced(option.words));
      out << " -d " << shell_quoted(option.help) << '\n';
    }
}

}  // namespace

Verb completion_verb() {
  auto shell = std::make_shared<std::string>();
  return {
      .name = "completion",
      .group = "Look around",
      .summary = "Print a completion script for bash, zsh or fish",
      .examples = {"velo completion bash > ~/.local/share/bash-completion/completions/velo",
                   "velo completion fish > ~/.config/fish/completions/velo.fish", "eval \"$(velo completion zsh)\""},
      .declare = [=](Options& o) { o.required("SHELL", *shell, "bash, zsh or fish"); },
      .action =
          [=](const Console& console) {
            if (*shell == "bash") {
              print_bash(console.out, table());
            } else if (*shell == "zsh") {
              // zsh reads bash's completion functions.
              console.out << "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n";
              print_bash(console.out, table());
            } else if (*shell == "fish") {
              print_fish(console.out, table());
            } else {
              throw Error(cat("there is completion for bash, zsh and fish, not for '", *shell, "'",
                              did_you_mean(*shell, {"bash", "zsh", "fish"})));
            }
            return ExitCode::ok;
          },
      .hidden = false};
}

}  // namespace velo
