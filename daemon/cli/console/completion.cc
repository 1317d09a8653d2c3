#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "daemon/cli/commands/commands.h"
#include "daemon/client/client.h"

namespace faultline::cli {
namespace {

// The words that may follow a command: its subcommands and long options.
std::string WordsOf(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::App* sub : command.get_subcommands({})) words.push_back(sub->get_name());
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  std::sort(words.begin(), words.end());
  std::string text;
  for (const std::string& word : words) absl::StrAppend(&text, text.empty() ? "" : " ", word);
  return text;
}

void AppendCases(const CLI::App& command, const std::string& path, std::string* out) {
  absl::StrAppend(out, "    \"", path, "\") words=\"", WordsOf(command), "\" ;;\n");
  for (const CLI::App* sub : command.get_subcommands({})) {
    AppendCases(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
  }
}

// Walks down the words already typed as long as they name subcommands, then offers what may follow.
constexpr const char* kBefore = R"bash(# Completion for bash: source <(faultline completion bash)
_faultline() {
  local path="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    case "$word" in -*) continue ;; esac
    case " $(_faultline_words "$path") " in
      *" $word "*) path="${path:+$path }$word" ;;
    esac
  done
  COMPREPLY=($(compgen -W "$(_faultline_words "$path")" -- "${COMP_WORDS[COMP_CWORD]}"))
}
_faultline_words() {
  local words=""
  case "$1" in
)bash";
constexpr const char* kAfter = R"bash(  esac
  echo "$words"
}
complete -o default -F _faultline faultline
)bash";

std::string BashScript(const CLI::App& app) {
  std::string cases;
  AppendCases(app, "", &cases);
  return kBefore + cases + kAfter;
}

}  // namespace

void AddCompletion(CLI::App* app, int* exit_code) {
  CLI::App* completion = app->add_subcommand("completion", "Completion for a shell");
  completion->require_subcommand(1);
  completion->add_subcommand("bash", "For bash: source <(faultline completion bash)")
      ->callback(
          [app, exit_code] { *exit_code = Print(BashScript(*app)) ? kExitOk : kExitFailed; });
}

}  // namespace faultline::cli
