#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/core/alert/alert_book.h"
#include "daemon/core/contract/effects.h"
#include "daemon/core/incident/bundle.h"
#include "daemon/core/incident/incident_book.h"
#include "daemon/core/incident/model_view.h"

namespace faultline {

// The incidents of one version of a model: the book, and the evidence of open incidents.
//
// Operation:    per closed pane BeginPane, RememberBefore for each signal for which Wants is true,
//               then TakePane; transitions that come without a pane go to TakeTransitions; a call
//               that changes book() is followed by TakeChanges. TakeCheckpoint asks for the bytes
//               of what changed.
// Concurrency:  none.
// Limitations:  those of IncidentBook and BundleBook.
class Incidents {
 public:
  Incidents(uint64_t model_hash, std::string model, std::string version);

  IncidentBook& book() { return book_; }
  const IncidentBook& book() const { return book_; }

  // A closed pane is about to be judged.
  void BeginPane() { before_.clear(); }
  // Whether evidence needs the signal's state before each pane.
  bool Wants(const SignalView& signal) const;
  // Keeps the state of the signal's follow detectors before the current pane, and its rolling
  // reference, before alarms remove panes from it.
  void RememberBefore(const ModelSettings& settings, const SignalView& signal,
                      std::vector<FollowState> follow);
  // Records the pane's evidence, applies its transitions, and updates open incidents.
  void TakePane(const ModelView& model, const JudgedPane& pane,
                const std::vector<AlertTransition>& transitions, int64_t now_ns, Effects* effects);
  void TakeTransitions(const ModelView& model, const std::vector<AlertTransition>& transitions,
                       int64_t now_ns, Effects* effects);
  // The signal's detectors changed state without a pane, so its pin is out of date.
  void OutdateEvidence(const SignalView& signal);
  // Passes changes of the book on and adapts the evidence.
  void TakeChanges(uint32_t resolved_max, Effects* effects);

  // Whether TakeCheckpoint would write anything.
  bool changed() const {
    return book_.revision() != stored_book_ || bundles_.revision() != stored_bundles_;
  }
  void TakeCheckpoint(Effects* effects);
  // Appends the deletion of everything that may be stored.
  void Delete(Effects* effects);

  // The reverse of TakeCheckpoint, in any order; then FinishRestore.
  absl::Status RestoreBook(std::string_view payload);
  absl::Status RestoreBundles(std::string_view payload) { return bundles_.Decode(payload); }
  void RestoreIncident(uint64_t id, const v1::Incident& incident);
  absl::Status FinishRestore();

  size_t memory_bytes() const;

 private:
  // State of a signal that may join an incident with the current pane.
  struct BeforePane {
    std::vector<FollowState> follow;
    std::optional<std::string> rolling;  // unset: no detector uses it
  };

  void Apply(const ModelView& model, const JudgedPane* pane,
             const std::vector<AlertTransition>& transitions, int64_t now_ns, Effects* effects);
  EvidencePin MakePin(const ModelSettings& settings, const JudgedPane& pane, uint32_t signal) const;
  EvidencePane MakeEvidencePane(const JudgedPane& pane, const BundleBook::Opened& bundle) const;
  void RecordEvidence(const ModelView& model, const JudgedPane& pane, Effects* effects);
  void PinEvidence(const ModelView& model, const JudgedPane& pane,
                   const std::vector<AlertTransition>& transitions, Effects* effects);

  uint64_t model_hash_;
  IncidentBook book_;
  BundleBook bundles_;
  std::map<uint32_t, BeforePane> before_;  // by signal of the current pane's stream
  // Revisions as of the last checkpoint.
  uint64_t stored_book_ = 0;
  uint64_t stored_bundles_ = 0;
  // While restoring: incidents read before the book.
  std::map<uint64_t, v1::Incident> early_;
  bool book_restored_ = false;
};

}  // namespace faultline
