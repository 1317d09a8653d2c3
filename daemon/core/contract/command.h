#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "daemon/core/contract/event.h"
#include "daemon/core/contract/principal.h"
#include "daemon/core/settings/settings.h"
#include "faultline/v1/incident.pb.h"
#include "faultline/v1/model.pb.h"
#include "faultline/v1/reference.pb.h"

namespace faultline {

// Requests of people and programs to the core. Commands go through the same queue as events, so
// the state is a function of one sequence. Each names its model, which decides the shard, or
// concerns all shards. Command carries who gave it and when.

struct AcknowledgeIncident {
  uint64_t incident = 0;
  std::string comment;
};
struct ResolveIncident {
  uint64_t incident = 0;
  std::string comment;
};
struct CommentIncident {
  uint64_t incident = 0;
  std::string comment;
};
struct ReopenIncident {
  uint64_t incident = 0;
  std::string comment;
};
struct SuppressIncident {
  uint64_t incident = 0;
  std::string comment;
  int64_t until_ns = 0;  // not in the future: ends the suppression
};
struct CreateModel {
  v1::Model model;
};
struct DeleteModel {
  std::string name, version;
};
struct RecordDeploy {
  std::string name, version, note;
};
struct SilenceModel {
  std::string name;
  int64_t until_ns = 0;
  std::string reason;
};
// Reference rows, all of them, as batches with equal columns; replaces the reference in use.
struct InstallReference {
  std::string name, version;
  std::vector<std::unique_ptr<EventBatch>> rows;
};
struct RelearnReference {
  std::string name, version;
};
// Puts the rolling reference into use.
struct PromoteReference {
  std::string name, version;
  std::string comment;
};
// Takes the last import, promotion or relearning back.
struct RollbackReference {
  std::string name, version;
  std::string comment;
};
// Opens a test incident under the model name "faultline_test" that resolves by a tick.
struct TestAlert {
  int64_t fire_ns = 0;
};
struct ApplySettings {
  std::shared_ptr<const Settings> settings;
};

using CommandAction = std::variant<AcknowledgeIncident, ResolveIncident, CommentIncident,
                                   ReopenIncident, SuppressIncident, CreateModel, DeleteModel,
                                   RecordDeploy, SilenceModel, InstallReference, RelearnReference,
                                   PromoteReference, RollbackReference, TestAlert, ApplySettings>;

struct Command {
  int64_t now_ns = 0;  // the daemon's clock at admission
  Principal principal;
  CommandAction action;
};

// Result of a command. The caller gets it after the commit that holds its effects.
struct CommandResult {
  absl::Status status;
  v1::Incident incident;    // incident commands, TestAlert
  v1::Model model;          // CreateModel
  v1::Reference reference;  // InstallReference, PromoteReference, RollbackReference
};

}  // namespace faultline
