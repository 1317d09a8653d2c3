#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/escape.h"
#include "daemon/cli/console/console.h"
#include "daemon/cli/migrate/config_yaml.h"
#include "daemon/client/messages.h"
#include "faultline/v1/incident.pb.h"
#include "tests/support/hostile_text.h"

namespace faultline::cli {
namespace {

std::string IncidentAsJson(const std::string& text, bool pretty) {
  v1::Incident incident;
  incident.set_model(text);
  (*incident.mutable_labels())[text] = text;
  std::string json = ToJson(incident, pretty);
  json.pop_back();  // the line end
  return json;
}

std::string ImportedConfig(const std::string& text) {
  ConfigYaml yaml("a test", {text, 1'000});
  yaml.Add(text, "missing_rate", 0.5, text);
  yaml.Remark(text, text);
  return yaml.Text();
}

// Every way in which text from outside leaves the command line; the daemon has the same test.
const struct Output {
  const char* name;
  std::function<std::string(const std::string&)> write;
  bool lines = false;  // has line breaks of its own
} kOutputs[] = {
    {"terminal", Printable},
    {"config check", EscapedLines, true},
    {"JSON", [](const std::string& text) { return IncidentAsJson(text, false); }},
    {"pretty JSON", [](const std::string& text) { return IncidentAsJson(text, true); }, true},
    {"imported configuration", ImportedConfig, true},
};

TEST(Outputs, NoneShowsAnUnsafeCharacter) {
  for (const Output& output : kOutputs) {
    for (const std::string& hostile : faultline::testing::HostileCharacters()) {
      if (output.lines && hostile == "\n") continue;
      EXPECT_EQ(output.write("x" + hostile + "y").find(hostile), std::string::npos)
          << output.name << ": " << ::testing::PrintToString(hostile);
    }
  }
}

}  // namespace
}  // namespace faultline::cli
