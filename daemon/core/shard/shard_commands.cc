// Commands of a shard.
#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <utility>

#include "daemon/core/shard/shard_state.h"
#include "storage/tables/incident_id.h"

namespace faultline {
namespace {

absl::Status NoModel(const std::string& name, const std::string& version) {
  return absl::NotFoundError(absl::StrCat("there is no model ", name, " version ", version));
}

absl::Status CheckName(const std::string& name, const std::string& version) {
  if (name.empty() || name.size() > kNameBytesMax || version.size() > kVersionBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("a model's name has 1 to ", kNameBytesMax,
                                                   " bytes, its version at most ",
                                                   kVersionBytesMax));
  }
  if (name == kTestModelName) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is reserved for test incidents"));
  }
  return absl::OkStatus();
}

// Performs one command.
struct Runner {
  ShardState& shard;
  int64_t now_ns;
  const Principal& by;
  CommandResult* result;
  Effects* effects;

  void operator()(AcknowledgeIncident& command) {
    result->status = Review(command.incident, "acknowledged", [&](IncidentBook& book) {
      return book.Acknowledge(command.incident, by, command.comment, now_ns);
    });
  }
  void operator()(ResolveIncident& command) {
    result->status = Review(command.incident, "resolved", [&](IncidentBook& book) {
      return book.Resolve(command.incident, by, command.comment, now_ns);
    });
  }
  void operator()(CommentIncident& command) {
    result->status = Review(command.incident, "comment added", [&](IncidentBook& book) {
      return book.Comment(command.incident, by, command.comment, now_ns);
    });
  }
  void operator()(ReopenIncident& command) {
    result->status = Review(command.incident, "reopened", [&](IncidentBook& book) {
      return book.Reopen(command.incident, by, command.comment, now_ns);
    });
  }
  void operator()(SuppressIncident& command) {
    result->status = Review(
        command.incident, command.until_ns > now_ns ? "suppressed" : "suppression ended",
        [&](IncidentBook& book) {
          return book.Suppress(command.incident, command.until_ns, by, command.comment, now_ns);
        });
  }
  void operator()(CreateModel& command) { result->status = Create(command.model); }
  void operator()(DeleteModel& command) { result->status = Delete(command); }
  void operator()(RecordDeploy& command) { result->status = Deploy(command); }
  void operator()(SilenceModel& command) { result->status = Silence(command); }
  void operator()(InstallReference& command) { result->status = Install(command); }
  void operator()(RelearnReference& command) {
    ModelState* model = shard.Find(command.name, command.version);
    if (model == nullptr) {
      result->status = NoModel(command.name, command.version);
      return;
    }
    model->RelearnReference(effects);
  }
  void operator()(PromoteReference& command) {
    ModelState* model = shard.Find(command.name, command.version);
    result->status = model == nullptr
                         ? NoModel(command.name, command.version)
                         : model->PromoteReference(command, now_ns, &result->reference, effects);
  }
  void operator()(RollbackReference& command) {
    ModelState* model = shard.Find(command.name, command.version);
    result->status = model == nullptr
                         ? NoModel(command.name, command.version)
                         : model->RollbackReference(command, now_ns, &result->reference, effects);
  }
  void operator()(TestAlert& command) {
    ModelState* model = shard.Find(std::string(kTestModelName), "");
    if (model == nullptr) {
      model = shard.Register(
          std::make_unique<ModelState>(&shard.share, std::string(kTestModelName), ""), now_ns,
          effects);
    }
    const uint64_t id =
        model->book().OpenTest(*model->share().settings, command.fire_ns, by, now_ns);
    model->TakeIncidents(effects);
    if (const v1::Incident* incident = model->book().Find(id)) result->incident = *incident;
  }
  void operator()(ApplySettings& command) {
    shard.share.settings = std::move(command.settings);
    for (auto& [hash, model] : shard.models) model->ApplySettings(now_ns, effects);
  }

  template <typename Decide>
  absl::Status Review(uint64_t incident, const char* done, Decide decide) {
    absl::Status status = absl::NotFoundError("the incident does not exist");
    for (auto& [hash, model] : shard.models) {
      const uint64_t revision = model->book().revision();
      const absl::Status said = decide(model->book());
      if (absl::IsNotFound(said)) continue;
      status = said;
      if (model->book().revision() != revision) {
        effects->AddNote(absl::StrCat("incident ", FormatIncidentId(incident), ": ", done));
      }
      model->TakeIncidents(effects);
      if (const v1::Incident* found = model->book().Find(incident)) result->incident = *found;
      break;
    }
    return status;
  }

  absl::Status Create(const v1::Model& wanted) {
    absl::Status name = CheckName(wanted.name(), wanted.version());
    if (!name.ok()) return name;
    if (shard.Find(wanted.name(), wanted.version()) != nullptr) {
      return absl::AlreadyExistsError(
          absl::StrCat("model ", wanted.name(), " version ", wanted.version(), " already exists"));
    }
    auto made = shard.NewModel(wanted.name(), wanted.version());
    if (!made.ok()) return made.status();
    absl::Status declared = (*made)->DeclareSignals(wanted);
    if (!declared.ok()) return declared;
    result->model = shard.Register(*std::move(made), now_ns, effects)->Message();
    return absl::OkStatus();
  }

  absl::Status Delete(const DeleteModel& command) {
    ModelState* model = shard.Find(command.name, command.version);
    if (model == nullptr) return NoModel(command.name, command.version);
    model->Delete(effects);
    effects->AddNote(
        absl::StrCat("model ", command.name, " version ", command.version, ": deleted"));
    shard.Remove(model);
    return absl::OkStatus();
  }

  absl::Status Deploy(const RecordDeploy& command) {
    const std::vector<ModelState*> versions = shard.VersionsOf(command.name);
    if (versions.empty()) {
      return absl::NotFoundError(absl::StrCat("there is no model ", command.name));
    }
    ModelState* model = shard.Find(command.name, command.version);
    (model == nullptr ? versions.back() : model)->SetDeployed(now_ns);
    std::string text = absl::StrCat("version ", command.version, " deployed");
    if (!command.note.empty()) text.append(": ").append(command.note);
    for (ModelState* version : versions) {
      version->book().Note(text, by, now_ns);
      version->TakeIncidents(effects);
    }
    effects->AddNote(absl::StrCat("model ", command.name, ": ", text));
    return absl::OkStatus();
  }

  absl::Status Silence(const SilenceModel& command) {
    const std::vector<ModelState*> versions = shard.VersionsOf(command.name);
    if (versions.empty()) {
      return absl::NotFoundError(absl::StrCat("there is no model ", command.name));
    }
    for (ModelState* version : versions) {
      version->Silence(command.until_ns, command.reason, now_ns, effects);
    }
    return absl::OkStatus();
  }

  absl::Status Install(const InstallReference& command) {
    absl::Status name = CheckName(command.name, command.version);
    if (!name.ok()) return name;
    if (command.rows.empty()) return absl::InvalidArgumentError("the reference has no rows");
    ModelState* model = shard.Find(command.name, command.version);
    if (model != nullptr) {
      return model->InstallReference(command, now_ns, &result->reference, effects);
    }
    auto made = shard.NewModel(command.name, command.version);
    if (!made.ok()) return made.status();
    absl::Status installed =
        (*made)->InstallReference(command, now_ns, &result->reference, effects);
    if (installed.ok()) shard.Register(*std::move(made), now_ns, effects);
    return installed;
  }
};

}  // namespace

void ShardState::Apply(Command command, CommandResult* result, Effects* effects) {
  Reconcile(command.now_ns, effects);
  effects->by = command.principal;
  std::visit(Runner{*this, command.now_ns, command.principal, result, effects}, command.action);
}

void Shard::Apply(Command command, CommandResult* result, Effects* effects) {
  impl_->Apply(std::move(command), result, effects);
}

}  // namespace faultline
