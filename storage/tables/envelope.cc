#include "storage/tables/envelope.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "base/check.h"
#include "base/codec.h"
#include "storage/tables/crc32c.h"

namespace faultline {
namespace {

constexpr uint16_t kMagic = 0xfa17;
constexpr size_t kCheckedBytes = 8;  // of the header, before the checksum

std::string KindName(char kind) {
  if (kind > ' ' && kind < 127) return absl::StrCat("'", std::string(1, kind), "'");
  return absl::StrCat(static_cast<uint8_t>(kind));
}

}  // namespace

std::string Seal(char kind, uint8_t version, std::string_view payload) {
  FAULTLINE_CHECK(payload.size() <= UINT32_MAX, "stored values are bounded far below 4 GiB");
  std::string out;
  out.reserve(kEnvelopeBytes + payload.size());
  Encoder encoder(&out);
  encoder.Raw(&kMagic, sizeof kMagic);
  encoder.Fixed8(static_cast<uint8_t>(kind));
  encoder.Fixed8(version);
  encoder.Fixed32(static_cast<uint32_t>(payload.size()));
  encoder.Fixed32(Crc32c(payload, Crc32c(out)));
  out.append(payload);
  return out;
}

absl::StatusOr<Opened> Open(char kind, uint8_t newest, std::string_view sealed) {
  Decoder decoder(sealed);
  const uint32_t magic = decoder.Fixed8() | static_cast<uint32_t>(decoder.Fixed8()) << 8;
  const char found = static_cast<char>(decoder.Fixed8());
  const uint8_t version = decoder.Fixed8();
  const uint32_t length = decoder.Fixed32();
  const uint32_t crc = decoder.Fixed32();
  if (!decoder.ok()) return absl::DataLossError("stored value is shorter than its envelope");
  if (magic != kMagic) return absl::DataLossError("stored value has no envelope");
  if (length != decoder.remaining()) {
    return absl::DataLossError(absl::StrCat("stored value has ", decoder.remaining(),
                                            " bytes where its envelope says ", length));
  }
  const std::string_view payload = decoder.Raw(length);
  if (Crc32c(payload, Crc32c(sealed.substr(0, kCheckedBytes))) != crc) {
    return absl::DataLossError("stored value does not match its checksum");
  }
  if (found != kind) {
    return absl::DataLossError(
        absl::StrCat("stored value is of kind ", KindName(found), ", expected ", KindName(kind)));
  }
  if (version > newest) {
    return absl::FailedPreconditionError(
        absl::StrCat("stored value of kind ", KindName(kind), " has version ", version,
                     ", written by a newer version of faultline; this one reads up to ", newest));
  }
  return Opened{version, payload};
}

}  // namespace faultline
