#include "daemon/export/incident_sentence.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <string_view>

#include "daemon/core/incident_words.h"

namespace faultline {
namespace {

std::string SinceWords(const google::protobuf::Timestamp& time) {
  return absl::StrCat(" since ",
                      TimeWords(google::protobuf::util::TimeUtil::TimestampToNanoseconds(time)));
}

// Where the triage's sentence is through with what changed, or npos.
size_t EndOfStatement(const v1::Triage& triage) {
  const std::string& sentence = triage.sentence();
  if (triage.hypotheses().empty()) return sentence.rfind(". No known cause fits");
  for (const char* words : {"Very likely ", "Probably ", "Perhaps "}) {
    const size_t end = sentence.rfind(absl::StrCat(". ", words, triage.hypotheses(0).title(), ":"));
    if (end != std::string::npos) return end;
  }
  return std::string::npos;
}

// What changed as the triage has it, without the interval of the time; the summary if there is none
// or it is worded otherwise.
std::string Statement(const v1::Incident& incident) {
  const size_t end = EndOfStatement(incident.triage());
  if (end == std::string::npos) return incident.summary();
  std::string statement = incident.triage().sentence().substr(0, end);
  const size_t interval = statement.rfind(" (it began between ");
  if (interval != std::string::npos && statement.ends_with(')')) statement.resize(interval);
  return statement;
}

// Told by an older daemon, it may be the start of the first alert.
std::string WithSince(std::string text, const v1::Incident& incident, const std::string& since) {
  for (const google::protobuf::Timestamp* time : {&BeganTime(incident), &incident.start_time()}) {
    const std::string told = SinceWords(*time);
    const size_t place = text.find(told);
    if (place != std::string::npos) return text.replace(place, told.size(), since);
  }
  return text;
}

}  // namespace

const google::protobuf::Timestamp& BeganTime(const v1::Incident& incident) {
  return incident.change_time().has_time() ? incident.change_time().time() : incident.start_time();
}

std::string Headline(const v1::Incident& incident) {
  return WithSince(Statement(incident), incident, SinceWords(BeganTime(incident)));
}

std::string TimelessHeadline(const v1::Incident& incident) {
  return WithSince(Statement(incident), incident, "");
}

std::string WholeSentence(const v1::Incident& incident) {
  if (incident.triage().sentence().empty()) return Headline(incident);
  return WithSince(incident.triage().sentence(), incident, SinceWords(BeganTime(incident)));
}

std::string CertaintySentence(v1::Certainty certainty) {
  switch (certainty) {
    case v1::CERTAINTY_HIGH:
      return "The findings fit the first one, and nothing speaks against it.";
    case v1::CERTAINTY_MEDIUM:
      return "The first one leads; others are possible.";
    case v1::CERTAINTY_LOW:
      return "Hardly anything speaks for one rather than another.";
    default:
      return "";
  }
}

}  // namespace faultline
