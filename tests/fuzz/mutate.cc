#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "base/codec.h"
#include "base/utf8.h"
#include "storage/tables/envelope.h"

// Of libFuzzer; replay.cc has its own.
extern "C" size_t LLVMFuzzerMutate(uint8_t* bytes, size_t size, size_t size_max);

namespace faultline::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Do not log messages that cannot be parsed; they are intended here.
[[maybe_unused]] google::protobuf::LogHandler* const kLoudBefore =
    google::protobuf::SetLogHandler(nullptr);

constexpr size_t kTextBytesMax = 300;  // of a mutated field; limits are at 64, 128 and 256

double OddDouble(Random* dice) {
  constexpr double kOdd[] = {0,
                             -0.0,
                             1,
                             -1,
                             0.5,
                             1e-300,
                             5e-324,
                             1e300,
                             1.7e308,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()};
  if (dice->Below(2) == 0) return dice->Normal() * std::pow(10.0, dice->Uniform() * 8 - 4);
  return kOdd[dice->Below(std::size(kOdd))];
}

uint64_t OddNumber(Random* dice) {
  constexpr uint64_t kOdd[] = {0,          1,         2,          7,         63,         64,
                               65,         127,       128,        255,       256,        4096,
                               65'535,     65'536,    65'537,     1u << 31,  UINT32_MAX, 1ull << 32,
                               1ull << 62, INT64_MAX, 1ull << 63, UINT64_MAX};
  if (dice->Below(3) == 0) return dice->Bits() >> dice->Below(64);
  const uint64_t odd = kOdd[dice->Below(std::size(kOdd))];
  return dice->Below(4) == 0 ? 0 - odd : odd;
}

void MutateString(Random* dice, bool text, std::string* value) {
  MutateRaw(dice, kTextBytesMax, value);
  if (text) value->resize(Utf8PrefixBytes(*value));
}

// Sets the field, or element `index` of it, or appends one (index < 0 of a repeated field).
void SetValue(Random* dice, Message* message, const FieldDescriptor* field, int index) {
  const Reflection* reflection = message->GetReflection();
  const auto put = [&](auto single, auto repeated, auto add, auto value) {
    if (!field->is_repeated()) return (reflection->*single)(message, field, std::move(value));
    if (index < 0) return (reflection->*add)(message, field, std::move(value));
    (reflection->*repeated)(message, field, index, std::move(value));
  };
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return put(&Reflection::SetInt32, &Reflection::SetRepeatedInt32, &Reflection::AddInt32,
                 static_cast<int32_t>(OddNumber(dice)));
    case FieldDescriptor::CPPTYPE_INT64:
      return put(&Reflection::SetInt64, &Reflection::SetRepeatedInt64, &Reflection::AddInt64,
                 static_cast<int64_t>(OddNumber(dice)));
    case FieldDescriptor::CPPTYPE_UINT32:
      return put(&Reflection::SetUInt32, &Reflection::SetRepeatedUInt32, &Reflection::AddUInt32,
                 static_cast<uint32_t>(OddNumber(dice)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return put(&Reflection::SetUInt64, &Reflection::SetRepeatedUInt64, &Reflection::AddUInt64,
                 OddNumber(dice));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return put(&Reflection::SetDouble, &Reflection::SetRepeatedDouble, &Reflection::AddDouble,
                 OddDouble(dice));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return put(&Reflection::SetFloat, &Reflection::SetRepeatedFloat, &Reflection::AddFloat,
                 static_cast<float>(OddDouble(dice)));
    case FieldDescriptor::CPPTYPE_BOOL:
      return put(&Reflection::SetBool, &Reflection::SetRepeatedBool, &Reflection::AddBool,
                 dice->Below(2) == 1);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int values = field->enum_type()->value_count();
      const int value = static_cast<int>(dice->Below(static_cast<uint64_t>(values) + 1));
      return put(&Reflection::SetEnumValue, &Reflection::SetRepeatedEnumValue,
                 &Reflection::AddEnumValue, value == values ? 99 : value);
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string value;
      if (field->is_repeated() && index >= 0) {
        value = reflection->GetRepeatedString(*message, field, index);
      } else if (!field->is_repeated()) {
        value = reflection->GetString(*message, field);
      }
      MutateString(dice, field->type() == FieldDescriptor::TYPE_STRING, &value);
      return put(&Reflection::SetString, &Reflection::SetRepeatedString, &Reflection::AddString,
                 std::move(value));
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (!field->is_repeated()) {
        reflection->MutableMessage(message, field);
      } else if (index < 0) {
        reflection->AddMessage(message, field);
      }
  }
}

void MutateRepeated(Random* dice, Message* message, const FieldDescriptor* field) {
  const Reflection* reflection = message->GetReflection();
  const int size = reflection->FieldSize(*message, field);
  if (size == 0) return SetValue(dice, message, field, -1);
  const auto any = [&] { return static_cast<int>(dice->Below(static_cast<uint64_t>(size))); };
  switch (dice->Below(5)) {
    case 0:
      return SetValue(dice, message, field, -1);
    case 1:
      reflection->SwapElements(message, field, any(), size - 1);
      return reflection->RemoveLast(message, field);
    case 2:
      return reflection->SwapElements(message, field, any(), any());
    case 3:
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        reflection->AddMessage(message, field)
            ->CopyFrom(reflection->GetRepeatedMessage(*message, field, any()));
        return;
      }
      [[fallthrough]];
    default:
      return SetValue(dice, message, field, any());
  }
}

// The message itself, or one inside it.
Message* AnyMessage(Random* dice, Message* message) {
  const Reflection* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  std::vector<Message*> inner;
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      inner.push_back(reflection->MutableMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      inner.push_back(reflection->MutableRepeatedMessage(message, field, i));
    }
  }
  if (inner.empty() || dice->Below(4) == 0) return message;
  return AnyMessage(dice, inner[dice->Below(inner.size())]);
}

void PlainCase(Random* dice, size_t lines, std::vector<std::string>* of) {
  const size_t at = dice->Below(lines);
  const size_t other = dice->Below(lines);
  switch (dice->Below(3)) {
    case 0:
      of->erase(of->begin() + static_cast<ptrdiff_t>(at));
      break;
    case 1:
      of->insert(of->begin() + static_cast<ptrdiff_t>(other), std::string((*of)[at]));
      break;
    default:
      std::swap((*of)[at], (*of)[other]);
  }
}

}  // namespace

void Cut(size_t bytes_max, std::string* bytes) {
  bytes->resize(std::min(bytes->size(), bytes_max));
}

void MutateRaw(Random* dice, size_t bytes_max, std::string* bytes) {
  (void)dice;  // libFuzzer has its own, seeded likewise
  Cut(bytes_max, bytes);
  if (bytes_max == 0) return;
  const size_t size = bytes->size();
  // Room to grow, but no more than is sensible to fill.
  bytes->resize(std::min(bytes_max, size + 64));
  bytes->resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes->data()), size, bytes->size()));
}

void MutateMessage(Random* dice, Message* message) {
  Message* target = AnyMessage(dice, message);
  const auto* descriptor = target->GetDescriptor();
  if (descriptor->field_count() == 0) return;
  const auto fields = static_cast<uint64_t>(descriptor->field_count());
  const FieldDescriptor* field = descriptor->field(static_cast<int>(dice->Below(fields)));
  if (field->is_repeated()) return MutateRepeated(dice, target, field);
  if (dice->Below(8) == 0) return target->GetReflection()->ClearField(target, field);
  SetValue(dice, target, field, -1);
}

void MutateSerialized(Random* dice, size_t bytes_max, Message* scratch, std::string* bytes) {
  scratch->Clear();
  if (dice->Below(8) == 0 || !scratch->ParseFromString(*bytes)) {
    return MutateRaw(dice, bytes_max, bytes);
  }
  for (uint64_t i = 0; i <= dice->Below(3); ++i) MutateMessage(dice, scratch);
  if (scratch->ByteSizeLong() <= bytes_max) *bytes = scratch->SerializeAsString();
}

void MutateText(Random* dice, std::initializer_list<std::string_view> tokens, size_t bytes_max,
                std::string* text) {
  if (dice->Below(3) == 0) return MutateRaw(dice, bytes_max, text);
  if (dice->Below(2) == 0) {
    const std::string_view token = tokens.begin()[dice->Below(tokens.size())];
    const size_t at = dice->Below(text->size() + 1);
    // In place of something, or between.
    const size_t replaced = dice->Below(2) == 0 ? 0 : dice->Below(token.size() + 2);
    text->replace(at, replaced, token);
    return Cut(bytes_max, text);
  }
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text->size();) {
    const size_t end = std::min(text->find('\n', begin), text->size() - 1) + 1;
    lines.push_back(text->substr(begin, end - begin));
    begin = end;
  }
  if (lines.empty()) return;
  PlainCase(dice, lines.size(), &lines);
  text->clear();
  for (const std::string& line : lines) *text += line;
  Cut(bytes_max, text);
}

void MutateSealed(Random* dice, size_t bytes_max, const MutatePayload& mutate,
                  std::string* sealed) {
  const char kind = sealed->size() < kEnvelopeBytes ? '\0' : (*sealed)[2];
  const absl::StatusOr<Opened> opened = Open(kind, UINT8_MAX, *sealed);
  if (!opened.ok() || bytes_max < kEnvelopeBytes || dice->Below(32) == 0) {
    return MutateRaw(dice, bytes_max, sealed);
  }
  std::string payload(opened->payload);
  mutate(kind, &payload);
  Cut(bytes_max - kEnvelopeBytes, &payload);
  *sealed = Seal(kind, opened->version, payload);
}

std::string Join(const std::vector<std::string>& parts) {
  std::string bytes;
  Encoder encoder(&bytes);
  for (const std::string& part : parts) encoder.String(part);
  return bytes;
}

std::vector<std::string> Split(std::string_view bytes) {
  std::vector<std::string> parts;
  Decoder decoder(bytes);
  while (decoder.remaining() > 0) {
    const std::string_view part = decoder.String();
    if (!decoder.ok()) break;
    parts.emplace_back(part);
  }
  return parts;
}

}  // namespace faultline::fuzz
