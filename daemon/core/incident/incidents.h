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

// The incidents of one version of a model with all that belongs to them: the book, the evidence
// that is kept of the open ones, and what triage needs to know beside the model's signals.
//
// Operation:    per closed pane BeginPane, RememberBefore for each signal that Wants says, then
//               TakePane; edges that come without a pane go to TakeEdges; a call that changes
//               book() is followed by TakeChanges. Cut asks for the bytes of what changed.
// Concurrency:  none.
// Limitations:  those of IncidentBook and BundleBook.
class Incidents {
 public:
  Incidents(uint64_t model_hash, std::string model, std::string version);

  IncidentBook& book() { return book_; }
  const IncidentBook& book() const { return book_; }

  // A pane was closed and is about to be judged.
  void BeginPane() { before_.clear(); }
  // Whether evidence is kept of the signal, so that its state before each pane is needed.
  bool Wants(const SignalView& signal) const;
  // What the signal's follow detectors remembered before the pane at hand, and what its rolling
  // reference is with it, before alarms take panes out of it.
  void RememberBefore(const ModelSettings& settings, const SignalView& signal,
                      std::vector<FollowState> follow);
  // The pane's evidence and edges; then the open incidents are looked at again.
  void TakePane(const ModelView& model, const JudgedPane& pane, const std::vector<AlertEdge>& edges,
                int64_t now_ns, Effects* effects);
  void TakeEdges(const ModelView& model, const std::vector<AlertEdge>& edges, int64_t now_ns,
                 Effects* effects);
  // The signal's detectors moved on without a pane: what is pinned of them no longer holds.
  void OutdateEvidence(const SignalView& signal);
  // Hands on what changed in the book, and lets evidence follow.
  void TakeChanges(uint32_t resolved_max, Effects* effects);

  // Whether Cut would write anything.
  bool changed() const {
    return book_.revision() != book_cut_ || bundles_.revision() != bundles_cut_;
  }
  void Cut(Effects* effects);
  // Appends the deletion of everything that may be stored.
  void Delete(Effects* effects);

  // The reverse of Cut, in any order; then FinishRestore.
  absl::Status RestoreBook(std::string_view payload);
  absl::Status RestoreBundles(std::string_view payload) { return bundles_.Decode(payload); }
  void RestoreIncident(uint64_t id, const v1::Incident& incident);
  absl::Status FinishRestore();

  size_t memory_bytes() const;

 private:
  // Of a signal that may join an incident with the pane at hand.
  struct BeforePane {
    std::vector<FollowState> follow;
    std::optional<std::string> rolling;  // unset: no detector looks at it
  };

  void Apply(const ModelView& model, const JudgedPane* pane, const std::vector<AlertEdge>& edges,
             int64_t now_ns, Effects* effects);
  EvidencePin MakePin(const ModelSettings& settings, const JudgedPane& pane, uint32_t signal) const;
  EvidencePane MakeEvidencePane(const JudgedPane& pane, const BundleBook::Opened& bundle) const;
  void RecordEvidence(const ModelView& model, const JudgedPane& pane, Effects* effects);
  void PinEvidence(const ModelView& model, const JudgedPane& pane,
                   const std::vector<AlertEdge>& edges, Effects* effects);

  uint64_t model_hash_;
  IncidentBook book_;
  BundleBook bundles_;
  std::map<uint32_t, BeforePane> before_;  // by signal of the stream whose pane is at hand
  // Revisions as of the last Cut.
  uint64_t book_cut_ = 0;
  uint64_t bundles_cut_ = 0;
  // While restoring: incidents that came before the book.
  std::map<uint64_t, v1::Incident> early_;
  bool book_restored_ = false;
};

}  // namespace faultline
