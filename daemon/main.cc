#include "daemon/cli/commands/commands.h"
#include "daemon/serve.h"

// For jemalloc: few arenas, because few threads allocate much; freed memory is returned to the
// system within a second.
extern "C" const char* malloc_conf;
const char* malloc_conf = "narenas:4,dirty_decay_ms:1000,muzzy_decay_ms:0";

int main(int argc, char** argv) {
  faultline::cli::CommandLine line(
      "faultline", "Faultline watches AI models and says which way they are failing.",
      FAULTLINE_VERSION);
  faultline::AddServe(line.root());
  faultline::AddConfig(line.root());
  faultline::cli::AddCommands(line.root());
  return line.Run(argc, argv);
}
