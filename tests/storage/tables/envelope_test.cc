#include "storage/tables/envelope.h"

#include <absl/strings/escaping.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <string>

#include "base/codec.h"
#include "storage/tables/crc32c.h"

namespace faultline {
namespace {

using ::testing::HasSubstr;

std::string RandomBytes(std::mt19937_64* random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>((*random)());
  return bytes;
}

TEST(Crc32cTest, KnownVectors) {
  // RFC 3720, appendix B.4, and the check value of the CRC catalogue.
  std::string ascending(32, '\0');
  std::string descending(32, '\0');
  for (int i = 0; i < 32; ++i) {
    ascending[i] = static_cast<char>(i);
    descending[i] = static_cast<char>(31 - i);
  }
  for (const auto crc : {+[](std::string_view bytes) { return Crc32c(bytes); },
                         +[](std::string_view bytes) { return Crc32cByTable(bytes); }}) {
    EXPECT_EQ(crc(""), 0u);
    EXPECT_EQ(crc("123456789"), 0xe3069283u);
    EXPECT_EQ(crc(std::string(32, '\0')), 0x8a9136aau);
    EXPECT_EQ(crc(std::string(32, '\xff')), 0x62a8ab43u);
    EXPECT_EQ(crc(ascending), 0x46dd794eu);
    EXPECT_EQ(crc(descending), 0x113fdb5cu);
  }
}

TEST(Crc32cTest, InstructionTableAndPiecesAgree) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2'000; ++i) {
    const std::string bytes = RandomBytes(&random, random() % 300);
    const std::string_view view = std::string_view(bytes).substr(random() % (bytes.size() + 1));
    const size_t cut = random() % (view.size() + 1);
    EXPECT_EQ(Crc32c(view), Crc32cByTable(view));
    EXPECT_EQ(Crc32c(view), Crc32c(view.substr(cut), Crc32c(view.substr(0, cut))));
  }
}

TEST(EnvelopeTest, OpensWhatWasSealed) {
  std::mt19937_64 random(2);
  for (const size_t size : {0, 1, 11, 12, 13, 4'096, 100'000}) {
    const std::string payload = RandomBytes(&random, size);
    const std::string sealed = Seal('m', 3, payload);
    EXPECT_EQ(sealed.size(), size + kEnvelopeBytes);
    const auto opened = Open('m', 5, sealed);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->version, 3);
    EXPECT_EQ(opened->payload, payload);
  }
}

TEST(EnvelopeTest, NewerVersionsAndOtherKindsAreToldApart) {
  const std::string sealed = Seal('m', 3, "abc");
  EXPECT_TRUE(Open('m', 3, sealed).ok());
  const absl::Status newer = Open('m', 2, sealed).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(newer));
  EXPECT_THAT(newer.message(), HasSubstr("has version 3, written by a newer version of faultline"));
  const absl::Status other = Open('o', 3, sealed).status();
  EXPECT_TRUE(absl::IsDataLoss(other));
  EXPECT_THAT(other.message(), HasSubstr("of kind 'm', expected 'o'"));
}

TEST(EnvelopeTest, EveryFlippedBitIsDamage) {
  const std::string sealed = Seal('p', 1, "some payload, with \0 bytes");
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string damaged = sealed;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    EXPECT_TRUE(absl::IsDataLoss(Open('p', 1, damaged).status())) << "bit " << bit;
  }
}

TEST(EnvelopeTest, EveryOtherLengthIsDamage) {
  const std::string sealed = Seal('p', 1, "payload");
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(Open('p', 1, sealed.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(Open('p', 1, sealed + '\0').status()));
}

TEST(EnvelopeTest, ForeignBytesAreNeverOpened) {
  std::mt19937_64 random(3);
  const std::string sealed = Seal('p', 1, RandomBytes(&random, 40));
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes = random() % 2 == 0 ? RandomBytes(&random, random() % 64) : sealed;
    for (uint64_t edits = 1 + random() % 4; edits > 0 && !bytes.empty(); --edits) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (bytes == sealed) continue;
    EXPECT_FALSE(Open('p', 1, bytes).ok()) << absl::BytesToHexString(bytes);
  }
}

TEST(EnvelopeDocumentTest, ExampleIsTrue) {
  std::ifstream document(FAULTLINE_SOURCE_DIR "/docs/formats/envelope.md");
  std::stringstream text;
  text << document.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("\n17fa 6d 01 03000000 7e83d912 616263\n"));
  const std::string bytes = absl::HexStringToBytes("17fa6d01030000007e83d912616263");
  EXPECT_EQ(absl::BytesToHexString(Seal('m', 1, "abc")), absl::BytesToHexString(bytes));
}

// What a line of docs/formats/codec.md names, by the encoder.
std::string EncodeExample(const std::string& what, Encoder* encoder) {
  if (what == "varint 0")
    encoder->Varint(0);
  else if (what == "varint 300")
    encoder->Varint(300);
  else if (what == "varint 2^64-1")
    encoder->Varint(std::numeric_limits<uint64_t>::max());
  else if (what == "signed -1")
    encoder->Signed(-1);
  else if (what == "signed 1")
    encoder->Signed(1);
  else if (what == "signed -2^63")
    encoder->Signed(std::numeric_limits<int64_t>::min());
  else if (what == "string \"ab\"")
    encoder->String("ab");
  else if (what == "double -0.0")
    encoder->Double(-0.0);
  else if (what == "int128 -2")
    encoder->Int128(-2);
  else
    return "unknown example";
  return "";
}

TEST(CodecDocumentTest, EveryExampleIsTrue) {
  std::ifstream document(FAULTLINE_SOURCE_DIR "/docs/formats/codec.md");
  ASSERT_TRUE(document.is_open());
  bool inside = false;
  int examples = 0;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("```")) {
      inside = line == "```text";
      continue;
    }
    if (!inside) continue;
    const size_t hex = line.rfind(' ') + 1;
    const std::string what = line.substr(0, line.find_last_not_of(' ', hex - 1) + 1);
    std::string bytes;
    Encoder encoder(&bytes);
    EXPECT_EQ(EncodeExample(what, &encoder), "") << line;
    EXPECT_EQ(absl::BytesToHexString(bytes), line.substr(hex)) << line;
    ++examples;
  }
  EXPECT_EQ(examples, 9);
}

TEST(CodecTest, ValuesComeBackAndNothingIsLeft) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 5'000; ++i) {
    const uint64_t number = random() >> random() % 64;
    const int64_t sign = static_cast<int64_t>(random() >> random() % 64) * (i % 2 == 0 ? 1 : -1);
    const __int128 wide = static_cast<__int128>(sign) * static_cast<int64_t>(number);
    const std::string text = RandomBytes(&random, random() % 20);
    std::string bytes;
    Encoder encoder(&bytes);
    encoder.Varint(number);
    encoder.Signed(sign);
    encoder.Int128(wide);
    encoder.String(text);
    encoder.Double(std::bit_cast<double>(number));
    encoder.Fixed32(static_cast<uint32_t>(number));
    Decoder decoder(bytes);
    EXPECT_EQ(decoder.Varint(), number);
    EXPECT_EQ(decoder.Signed(), sign);
    EXPECT_TRUE(decoder.Int128() == wide);
    EXPECT_EQ(decoder.String(), text);
    EXPECT_EQ(std::bit_cast<uint64_t>(decoder.Double()), number);
    EXPECT_EQ(decoder.Fixed32(), static_cast<uint32_t>(number));
    EXPECT_TRUE(decoder.Done());
    // Cut anywhere, it fails and stays failed.
    Decoder cut(std::string_view(bytes).substr(0, random() % bytes.size()));
    cut.Varint(), cut.Signed(), cut.Int128(), cut.String(), cut.Double(), cut.Fixed32();
    EXPECT_FALSE(cut.ok());
    EXPECT_EQ(cut.Fixed8(), 0);
  }
}

TEST(CodecTest, OverlongVarintsAndLengthsAreRefused) {
  const std::string ten(10, '\xff');
  Decoder overlong(ten);
  EXPECT_EQ(overlong.Varint(), 0u);
  EXPECT_FALSE(overlong.ok());
  const std::string huge("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01 few bytes", 20);
  Decoder length(huge);
  EXPECT_TRUE(length.String().empty());
  EXPECT_FALSE(length.ok());
}

}  // namespace
}  // namespace faultline
