#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "daemon/cli/args/command_line.h"
#include "daemon/cli/commands/commands.h"
#include "daemon/cli/console/outcome.h"

namespace faultline::cli {
namespace {

// The words that may follow a command: its subcommands and long options.
std::string WordsOf(const Command& command) {
  std::vector<std::string> words = command.option_names();
  for (const Command& sub : command.commands()) words.push_back(sub.name());
  std::sort(words.begin(), words.end());
  std::string text;
  for (const std::string& word : words) absl::StrAppend(&text, text.empty() ? "" : " ", word);
  return text;
}

void AppendCases(const Command& command, const std::string& path, std::string* out) {
  absl::StrAppend(out, "    \"", path, "\") words=\"", WordsOf(command), "\" ;;\n");
  for (const Command& sub : command.commands()) {
    AppendCases(sub, path.empty() ? sub.name() : path + " " + sub.name(), out);
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

std::string BashScript(const Command& root) {
  std::string cases;
  AppendCases(root, "", &cases);
  return kBefore + cases + kAfter;
}

}  // namespace

void AddCompletion(Command root) {
  Command completion = root.Add("completion", "Print shell completion");
  completion.RequireCommand();
  completion.Add("bash", "For bash: source <(faultline completion bash)").OnRun([root] {
    return Print(BashScript(root)) ? kExitOk : kExitFailed;
  });
}

}  // namespace faultline::cli
