#pragma once

#include <google/protobuf/message.h>

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/streams.h"

// Mutations that know a structure, for the targets' Mutate.
namespace faultline::fuzz {

using testing::Random;

// Bytes as such: libFuzzer's own mutation where it is linked, else a few plain ones.
void MutateRaw(Random* dice, size_t bytes_max, std::string* bytes);

// One field of the message, at any depth, is set, cleared, added, removed, copied or swapped.
// Strings stay UTF-8, so that the message can be parsed again.
void MutateMessage(Random* dice, google::protobuf::Message* message);
// The same for a serialised message; other bytes are mutated as such.
void MutateSerialized(Random* dice, size_t bytes_max, google::protobuf::Message* scratch,
                      std::string* bytes);

// Text in lines: raw bytes, or a token somewhere, or a line removed, copied or moved.
void MutateText(Random* dice, std::initializer_list<std::string_view> tokens, size_t bytes_max,
                std::string* text);

// A stored value (storage/envelope.h): mutates the payload and seals it again. Bytes that are no
// envelope are mutated as such, and once in a while those that are one.
using MutatePayload = std::function<void(char kind, std::string* payload)>;
void MutateSealed(Random* dice, size_t bytes_max, const MutatePayload& mutate, std::string* sealed);

// Several byte strings as one, each with its length in front; what is no such run of them ends it.
std::string Join(const std::vector<std::string>& parts);
std::vector<std::string> Split(std::string_view bytes);

// Keeps at most `bytes_max`.
void Cut(size_t bytes_max, std::string* bytes);

}  // namespace faultline::fuzz
