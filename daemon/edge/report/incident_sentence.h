#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <string>

#include "faultline/v1/incident.pb.h"

namespace faultline {

// The sentences about an incident, the same wherever people read them: in lists, on a terminal, in
// a report, on a pager. Pure functions of the message.

// When the change began, in event time: the estimate or, without one, the start of the first pane
// over a threshold.
const google::protobuf::Timestamp& BeganTime(const v1::Incident& incident);

// What changed, where and since when, without a full stop: the summary, with which the triage's
// sentence begins.
std::string Headline(const v1::Incident& incident);
// The same without the "since", for callers that show the time beside it.
std::string TimelessHeadline(const v1::Incident& incident);
// The triage's sentence: the headline, the likeliest cause, how sure, what to look at next. The
// headline alone if there is no triage.
std::string WholeSentence(const v1::Incident& incident);

// The certainty of ranked hypotheses as a sentence; empty for the unspecified one.
std::string CertaintySentence(v1::Certainty certainty);

}  // namespace faultline
