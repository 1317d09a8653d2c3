#include "detectors/summary/top_k.h"

#include <algorithm>
#include <tuple>

namespace faultline {
namespace {

std::string_view Cut(std::string_view label) {
  if (label.size() <= TopK::kLabelBytesMax) return label;
  size_t size = TopK::kLabelBytesMax;
  // A byte 10xxxxxx continues a character.
  while (size > 0 && (static_cast<unsigned char>(label[size]) & 0xc0) == 0x80) --size;
  return label.substr(0, size);
}

auto Find(std::vector<TopK::Entry>& entries, uint64_t hash) {
  return std::lower_bound(entries.begin(), entries.end(), hash,
                          [](const TopK::Entry& entry, uint64_t h) { return entry.hash < h; });
}

void TakeOff(std::vector<TopK::Entry>& entries, uint64_t count) {
  std::erase_if(entries, [&](const TopK::Entry& entry) { return entry.count <= count; });
  for (TopK::Entry& entry : entries) entry.count -= count;
}

}  // namespace

void TopK::Add(uint64_t hash, std::string_view label) {
  ++total_;
  const auto at = Find(entries_, hash);
  if (at != entries_.end() && at->hash == hash) {
    ++at->count;
  } else if (entries_.size() < kEntriesMax) {
    entries_.insert(at, Entry{hash, 1, std::string(Cut(label))});
  } else {
    TakeOff(entries_, 1);
  }
}

void TopK::Merge(const TopK& other) {
  total_ += other.total_;
  for (const Entry& entry : other.entries_) {
    const auto at = Find(entries_, entry.hash);
    if (at != entries_.end() && at->hash == entry.hash) {
      at->count += entry.count;
    } else {
      entries_.insert(at, entry);
    }
  }
  if (entries_.size() <= kEntriesMax) return;
  std::vector<uint64_t> counts;
  for (const Entry& entry : entries_) counts.push_back(entry.count);
  std::nth_element(counts.begin(), counts.begin() + kEntriesMax, counts.end(), std::greater<>());
  TakeOff(entries_, counts[kEntriesMax]);
}

void TopK::Clear() {
  entries_.clear();
  total_ = 0;
}

std::vector<TopK::Entry> TopK::Ranked() const {
  std::vector<Entry> ranked = entries_;
  std::sort(ranked.begin(), ranked.end(), [](const Entry& a, const Entry& b) {
    return std::tie(b.count, a.label, a.hash) < std::tie(a.count, b.label, b.hash);
  });
  return ranked;
}

void TopK::Encode(Encoder& encoder) const {
  encoder.Varint(total_);
  if (total_ == 0) return;
  encoder.Varint(entries_.size());
  for (const Entry& entry : entries_) {
    encoder.Fixed64(entry.hash);
    encoder.Varint(entry.count);
    encoder.String(entry.label);
  }
}

bool TopK::Decode(Decoder& decoder) {
  Clear();
  total_ = decoder.Varint();
  const uint64_t entries = total_ == 0 ? 0 : decoder.Varint();
  bool good = decoder.ok() && entries <= kEntriesMax;
  uint64_t left = total_;
  for (uint64_t i = 0; good && i < entries; ++i) {
    Entry entry;
    entry.hash = decoder.Fixed64();
    entry.count = decoder.Varint();
    entry.label = std::string(decoder.String());
    good = decoder.ok() && entry.label.size() <= kLabelBytesMax && entry.count > 0 &&
           entry.count <= left && (entries_.empty() || entries_.back().hash < entry.hash);
    left -= good ? entry.count : 0;
    entries_.push_back(std::move(entry));
  }
  if (good) return true;
  Clear();
  decoder.Fail();
  return false;
}

size_t TopK::memory_bytes() const {
  size_t bytes = entries_.capacity() * sizeof(Entry);
  for (const Entry& entry : entries_) {
    // Short strings are stored inside the entry.
    if (entry.label.capacity() >= sizeof(std::string) / 2) bytes += entry.label.capacity() + 1;
  }
  return bytes;
}

}  // namespace faultline
