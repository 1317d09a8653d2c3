#include "daemon/edge/report/incident_sentence.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include "daemon/core/incident/incident_words.h"

namespace faultline {

const google::protobuf::Timestamp& BeganTime(const v1::Incident& incident) {
  return incident.change_time().has_time() ? incident.change_time().time() : incident.start_time();
}

std::string Headline(const v1::Incident& incident) { return incident.summary(); }

std::string TimelessHeadline(const v1::Incident& incident) {
  std::string headline = Headline(incident);
  const std::string since = absl::StrCat(
      " since ",
      TimeWords(google::protobuf::util::TimeUtil::TimestampToNanoseconds(BeganTime(incident))));
  const size_t place = headline.find(since);
  return place == std::string::npos ? headline : headline.erase(place, since.size());
}

std::string WholeSentence(const v1::Incident& incident) {
  const std::string& sentence = incident.triage().sentence();
  return sentence.empty() ? Headline(incident) : sentence;
}

std::string CertaintySentence(v1::Certainty certainty) {
  switch (certainty) {
    case v1::CERTAINTY_HIGH:
      return "The findings fit the first one, and nothing contradicts it.";
    case v1::CERTAINTY_MEDIUM:
      return "The first one leads; others are possible.";
    case v1::CERTAINTY_LOW:
      return "The evidence hardly favours one over another.";
    default:
      return "";
  }
}

}  // namespace faultline
