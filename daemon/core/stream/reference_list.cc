#include "daemon/core/stream/reference_list.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "base/clean_text.h"
#include "base/codec.h"
#include "daemon/core/settings/limits.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

absl::Status Damaged() { return absl::DataLossError("not a list of references"); }

void EncodeTime(const google::protobuf::Timestamp& time, Encoder* out) {
  out->Signed(time.seconds());
  out->Varint(static_cast<uint64_t>(time.nanos()));
}

void DecodeTime(Decoder* in, google::protobuf::Timestamp* time) {
  time->set_seconds(in->Signed());
  time->set_nanos(static_cast<int32_t>(in->Varint()));
}

}  // namespace

const v1::Reference* ReferenceList::Find(uint64_t version) const {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const v1::Reference& reference) {
    return reference.version() == version;
  });
  return found == all_.end() ? nullptr : &*found;
}

uint32_t ReferenceList::Add(v1::Reference reference, int64_t now_ns) {
  for (v1::Reference& known : all_) known.set_active(false);
  reference.set_version(++newest_version_);
  reference.set_active(true);
  reference.set_comment(CleanText(reference.comment(), kReferenceCommentBytesMax));
  *reference.mutable_create_time() = TimeUtil::NanosecondsToTimestamp(now_ns);
  *reference.mutable_activate_time() = reference.create_time();
  relearner_.clear();  // Learning has ended.
  all_.push_back(std::move(reference));
  if (all_.size() > kReferencesRememberedMax) all_.erase(all_.begin());
  changed_ = true;
  return newest_version_;
}

void ReferenceList::Activate(uint64_t version, const std::string& actor, const std::string& comment,
                             int64_t now_ns) {
  for (v1::Reference& reference : all_) {
    reference.set_active(reference.version() == version);
    if (!reference.active()) continue;
    *reference.mutable_activate_time() = TimeUtil::NanosecondsToTimestamp(now_ns);
    reference.set_actor(actor);
    reference.set_comment(CleanText(comment, kReferenceCommentBytesMax));
  }
  relearner_.clear();
  changed_ = true;
}

void ReferenceList::Relearn(std::string actor) {
  for (v1::Reference& reference : all_) reference.set_active(false);
  relearner_ = std::move(actor);
  changed_ = true;
}

std::string ReferenceList::TakeRelearner() { return std::exchange(relearner_, ""); }

void ReferenceList::InheritFrom(const ReferenceList& older) {
  all_ = older.all_;
  newest_version_ = older.newest_version_;
  changed_ = newest_version_ > 0;
}

void ReferenceList::TakeCheckpoint(Effects* effects) {
  if (!std::exchange(changed_, false)) return;
  std::string payload;
  Encoder out(&payload);
  out.Varint(newest_version_);
  out.String(relearner_);
  out.Varint(all_.size());
  for (const v1::Reference& reference : all_) {
    out.Varint(reference.version());
    out.Varint(reference.rows());
    out.Varint(reference.signals());
    out.Fixed8(static_cast<uint8_t>((reference.imported() ? 1 : 0) | (reference.active() ? 2 : 0) |
                                    (reference.promoted() ? 4 : 0)));
    EncodeTime(reference.create_time(), &out);
    EncodeTime(reference.activate_time(), &out);
    out.String(reference.actor());
    out.String(reference.comment());
  }
  WriteRecord(Table::kReferenceList, ReferenceListKey(stream_.model_hash, stream_.ordinal), payload,
              effects);
}

void ReferenceList::Erase(Effects* effects) const {
  EraseRecord(ReferenceListKey(stream_.model_hash, stream_.ordinal), effects);
}

absl::Status ReferenceList::Restore(std::string_view payload) {
  Decoder in(payload);
  const uint64_t newest = in.Varint();
  relearner_ = in.String();
  const uint64_t count = in.Varint();
  if (!in.ok() || newest > UINT32_MAX || count > kReferencesRememberedMax) return Damaged();
  newest_version_ = static_cast<uint32_t>(newest);
  all_.clear();
  for (uint64_t i = 0; i < count; ++i) {
    v1::Reference& reference = all_.emplace_back();
    reference.set_version(in.Varint());
    reference.set_rows(in.Varint());
    reference.set_signals(static_cast<uint32_t>(in.Varint()));
    const uint8_t flags = in.Fixed8();
    reference.set_imported((flags & 1) != 0);
    reference.set_active((flags & 2) != 0);
    reference.set_promoted((flags & 4) != 0);
    DecodeTime(&in, reference.mutable_create_time());
    DecodeTime(&in, reference.mutable_activate_time());
    reference.set_actor(std::string(in.String()));
    reference.set_comment(std::string(in.String()));
  }
  return in.Done() ? absl::OkStatus() : Damaged();
}

}  // namespace faultline
