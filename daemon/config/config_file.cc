#include "daemon/config/config_file.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/characters.h"
#include "base/check.h"
#include "base/nearest.h"
#include "base/utf8.h"

namespace faultline {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kFindingsMax = 20;
// Aliases can expand a small file into a huge one; no real configuration has this many values.
constexpr size_t kNodesMax = 200'000;
constexpr size_t kShownBytesMax = 40;

std::string Cat(std::initializer_list<std::string_view> parts) {
  std::string whole;
  for (const std::string_view part : parts) whole.append(part);
  return whole;
}

std::string Join(const std::vector<std::string>& parts, std::string_view between) {
  std::string whole;
  for (const std::string& part : parts) {
    if (&part != &parts.front()) whole.append(between);
    whole.append(part);
  }
  return whole;
}

// The value as the file has it, on one line.
std::string Shown(std::string_view text) {
  std::string shown = "\"";
  const size_t bytes = text.size();
  while (!text.empty() && bytes - text.size() < kShownBytesMax) {
    const Character character = TakeCharacter(&text);
    shown.append(character.unsafe() ? "?" : character.bytes);
  }
  return shown.append(text.empty() ? "\"" : "...\"");
}

// "line:column", from 1.
std::string PlaceText(const YAML::Mark& mark) {
  return Cat({std::to_string(mark.line + 1), ":", std::to_string(mark.column + 1)});
}

// "warning" for SEVERITY_WARNING: without the type's name; empty for the unspecified one.
std::string ShortName(const EnumValueDescriptor& value) {
  if (value.number() == 0) return "";
  std::string name = value.name();
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  size_t begin = 0;
  for (const char c : std::string_view(value.type()->name())) {
    if (c >= 'A' && c <= 'Z') begin = name.find('_', begin) + 1;
  }
  return name.substr(begin);
}

bool IsPlain(const YAML::Node& node) { return node.Tag() == "?"; }

std::string Kind(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  if (!node.IsScalar()) return "nothing";
  return Cat({Shown(node.Scalar()), IsPlain(node) ? "" : " in quotes"});
}

class Reader {
 public:
  explicit Reader(ParsedConfig* out) : out_(out) {}

  void ReadMessage(const YAML::Node& node, const std::string& path, Message* message);
  void Find(const YAML::Mark& mark, const std::string& path, std::string_view text);
  const std::vector<std::string>& findings() const { return findings_; }

 private:
  bool Visit(const YAML::Node& node, const YAML::Mark& mark, const std::string& path);
  void ReadKey(const YAML::Node& key, const YAML::Node& value, const std::string& path,
               std::set<std::string>* seen, Message* message);
  void ReadField(const FieldDescriptor& field, const YAML::Node& node, const YAML::Mark& mark,
                 const std::string& path, Message* message);
  void ReadList(const FieldDescriptor& field, const YAML::Node& node, const YAML::Mark& mark,
                const std::string& path, Message* message);
  void ReadMap(const FieldDescriptor& field, const YAML::Node& node, const YAML::Mark& mark,
               const std::string& path, Message* message);
  void ReadScalar(const FieldDescriptor& field, const YAML::Node& node, const YAML::Mark& mark,
                  const std::string& path, Message* message);
  void ReadEnum(const FieldDescriptor& field, const YAML::Node& node, const YAML::Mark& mark,
                const std::string& path, Message* message);
  void Expected(const YAML::Node& node, const YAML::Mark& mark, const std::string& path,
                std::string_view expected) {
    Find(mark, path, Cat({Kind(node), ", expected ", expected}));
  }

  ParsedConfig* out_;
  size_t nodes_ = 0;
  std::vector<std::string> findings_;
};

void Reader::Find(const YAML::Mark& mark, const std::string& path, std::string_view text) {
  if (findings_.size() >= kFindingsMax) return;
  findings_.push_back(
      Cat({out_->file, ":", PlaceText(mark), ": ", path.empty() ? "" : Cat({path, ": "}), text}));
}

bool Reader::Visit(const YAML::Node& node, const YAML::Mark& mark, const std::string& path) {
  if (++nodes_ > kNodesMax) {
    if (nodes_ == kNodesMax + 1) Find(mark, path, "too many values, aliases counted each time");
    return false;
  }
  out_->places.emplace(path, ParsedConfig::Position{mark.line + 1, mark.column + 1});
  const std::string& tag = node.Tag();
  if (!tag.empty() && tag != "?" && tag != "!") {
    Find(mark, path, Cat({"tag ", Shown(tag), ", expected a value without a tag"}));
    return false;
  }
  return true;
}

void Reader::ReadMessage(const YAML::Node& node, const std::string& path, Message* message) {
  std::set<std::string> seen;
  for (const auto& entry : node) ReadKey(entry.first, entry.second, path, &seen, message);
}

void Reader::ReadKey(const YAML::Node& key, const YAML::Node& value, const std::string& path,
                     std::set<std::string>* seen, Message* message) {
  const Descriptor& type = *message->GetDescriptor();
  if (!key.IsScalar()) return Expected(key, key.Mark(), path, "a key");
  const std::string& name = key.Scalar();
  const std::string here = path.empty() ? name : Cat({path, ".", name});
  const FieldDescriptor* field = type.FindFieldByName(name);
  if (field == nullptr) {
    std::vector<std::string> names;
    names.reserve(static_cast<size_t>(type.field_count()));
    for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
    const std::string_view nearest = Nearest(name, names);
    return Find(key.Mark(), path,
                Cat({"unknown key ", Shown(name),
                     nearest.empty() ? Cat({", expected one of: ", Join(names, ", ")})
                                     : Cat({", did you mean ", nearest, "?"})}));
  }
  if (!seen->insert(name).second) {
    return Find(key.Mark(), here, "duplicate key, expected once");
  }
  if (const auto* oneof = field->real_containing_oneof(); oneof != nullptr) {
    const FieldDescriptor* set = message->GetReflection()->GetOneofFieldDescriptor(*message, oneof);
    if (set != nullptr) {
      return Find(key.Mark(), path,
                  Cat({"has both ", set->name(), " and ", name,
                       ", expected one of them: make it two entries"}));
    }
  }
  ReadField(*field, value, value.IsNull() ? key.Mark() : value.Mark(), here, message);
}

void Reader::ReadField(const FieldDescriptor& field, const YAML::Node& node, const YAML::Mark& mark,
                       const std::string& path, Message* message) {
  if (!Visit(node, mark, path)) return;
  if (field.is_map()) return ReadMap(field, node, mark, path, message);
  if (field.is_repeated()) return ReadList(field, node, mark, path, message);
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return ReadScalar(field, node, mark, path, message);
  }
  if (!node.IsMap() && !node.IsNull()) return Expected(node, mark, path, "a mapping");
  ReadMessage(node, path, message->GetReflection()->MutableMessage(message, &field));
}

void Reader::ReadList(const FieldDescriptor& field, const YAML::Node& node, const YAML::Mark& mark,
                      const std::string& path, Message* message) {
  if (node.IsNull()) return;
  if (!node.IsSequence()) return Expected(node, mark, path, "a list");
  size_t index = 0;
  for (const YAML::Node& item : node) {
    const std::string here = Cat({path, "[", std::to_string(index++), "]"});
    const YAML::Mark at = item.IsNull() ? mark : item.Mark();
    if (!Visit(item, at, here)) continue;
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      ReadScalar(field, item, at, here, message);
    } else if (!item.IsMap()) {
      Expected(item, at, here, "a mapping");
    } else {
      ReadMessage(item, here, message->GetReflection()->AddMessage(message, &field));
    }
  }
}

// All maps of the configuration map text to text.
void Reader::ReadMap(const FieldDescriptor& field, const YAML::Node& node, const YAML::Mark& mark,
                     const std::string& path, Message* message) {
  if (node.IsNull()) return;
  if (!node.IsMap()) return Expected(node, mark, path, "a mapping");
  const FieldDescriptor* key_field = field.message_type()->map_key();
  const FieldDescriptor* value_field = field.message_type()->map_value();
  std::set<std::string> seen;
  for (const auto& item : node) {
    if (!item.first.IsScalar()) {
      Expected(item.first, item.first.Mark(), path, "a key");
      continue;
    }
    const std::string& key = item.first.Scalar();
    const std::string here = Cat({path, ".", key});
    const YAML::Mark at = item.second.IsNull() ? item.first.Mark() : item.second.Mark();
    if (!seen.insert(key).second) {
      Find(item.first.Mark(), here, "duplicate key, expected once");
      continue;
    }
    if (!Visit(item.second, at, here)) continue;
    Message* entry = message->GetReflection()->AddMessage(message, &field);
    entry->GetReflection()->SetString(entry, key_field, key);
    ReadScalar(*value_field, item.second, at, here, entry);
  }
}

template <typename T>
bool ReadWhole(const YAML::Node& node, T* value) {
  const std::string& text = node.Scalar();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return IsPlain(node) && error == std::errc() && end == text.data() + text.size();
}

// Decimal notation only, without YAML's .inf and .nan and C's hexadecimal floats.
bool ReadNumber(const YAML::Node& node, double* value) {
  return ReadWhole(node, value) && std::isfinite(*value);
}

void Reader::ReadScalar(const FieldDescriptor& field, const YAML::Node& node,
                        const YAML::Mark& mark, const std::string& path, Message* message) {
  const Reflection& reflection = *message->GetReflection();
  const auto put = [&](auto set, auto add, auto value) {
    field.is_repeated() ? (reflection.*add)(message, &field, std::move(value))
                        : (reflection.*set)(message, &field, std::move(value));
  };
  const bool scalar = node.IsScalar();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (!scalar) return Expected(node, mark, path, "text");
      return put(&Reflection::SetString, &Reflection::AddString, node.Scalar());
    case FieldDescriptor::CPPTYPE_BOOL:
      if (!scalar || !IsPlain(node) || (node.Scalar() != "true" && node.Scalar() != "false")) {
        return Expected(node, mark, path, "true or false");
      }
      return put(&Reflection::SetBool, &Reflection::AddBool, node.Scalar() == "true");
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      double value = 0;
      if (!scalar || !ReadNumber(node, &value)) return Expected(node, mark, path, "a number");
      return put(&Reflection::SetDouble, &Reflection::AddDouble, value);
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      uint32_t value = 0;
      if (!scalar || !ReadWhole(node, &value)) {
        return Expected(node, mark, path, "a whole number from 0 to 4294967295");
      }
      return put(&Reflection::SetUInt32, &Reflection::AddUInt32, value);
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      uint64_t value = 0;
      if (!scalar || !ReadWhole(node, &value)) {
        return Expected(node, mark, path, "a whole number, at least 0");
      }
      return put(&Reflection::SetUInt64, &Reflection::AddUInt64, value);
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      return ReadEnum(field, node, mark, path, message);
    default:
      FAULTLINE_CHECK(false, "the configuration has no field of this type");
  }
}

void Reader::ReadEnum(const FieldDescriptor& field, const YAML::Node& node, const YAML::Mark& mark,
                      const std::string& path, Message* message) {
  const EnumDescriptor& type = *field.enum_type();
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    std::string name = ShortName(*type.value(i));
    if (name.empty()) continue;
    if (node.IsScalar() && node.Scalar() == name) {
      return message->GetReflection()->SetEnum(message, &field, type.value(i));
    }
    names.push_back(std::move(name));
  }
  Expected(node, mark, path, Cat({"one of: ", Join(names, ", ")}));
}

absl::Status Refuse(std::string_view file, const YAML::Mark& mark, std::string_view text) {
  return absl::InvalidArgumentError(Cat({file, ":", PlaceText(mark), ": ", text}));
}

// Line and column of a byte, in characters as an editor counts them.
YAML::Mark MarkOf(std::string_view text, size_t offset) {
  YAML::Mark mark;
  for (size_t i = 0; i < offset; ++i) {
    mark.column = text[i] == '\n' ? 0 : mark.column + 1;
    mark.line += text[i] == '\n' ? 1 : 0;
  }
  return mark;
}

// The first tab that indents the line of the mark, if one does.
std::optional<YAML::Mark> IndentingTab(std::string_view text, const YAML::Mark& mark) {
  for (int line = 0; line < mark.line; ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  const std::string_view indent = text.substr(0, text.find_first_not_of(" \t"));
  const size_t tab = indent.find('\t');
  if (tab == std::string_view::npos) return std::nullopt;
  YAML::Mark found;
  found.line = mark.line;
  found.column = static_cast<int>(tab);
  return found;
}

// Finds only where documents begin.
class DocumentProbe : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
  const YAML::Mark& start() const { return start_; }

 private:
  YAML::Mark start_;
};

// YAML::LoadAll does not terminate on a stray "}": it keeps producing empty documents.
absl::Status ReadDocument(std::string_view text, ParsedConfig* parsed) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  DocumentProbe probe;
  if (!parser.HandleNextDocument(probe)) return absl::OkStatus();
  if (parser.HandleNextDocument(probe)) {
    return Refuse(parsed->file, probe.start(), "a second document, expected one");
  }
  const YAML::Node root = YAML::Load(std::string(text));
  if (root.IsNull()) return absl::OkStatus();
  if (!root.IsMap()) {
    return Refuse(parsed->file, root.Mark(), Cat({Kind(root), ", expected a mapping"}));
  }
  Reader reader(parsed);
  reader.ReadMessage(root, "", &parsed->config);
  if (reader.findings().empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(Join(reader.findings(), "\n"));
}

}  // namespace

std::string ParsedConfig::Locate(std::string_view path) const {
  for (;;) {
    if (const auto found = places.find(path); found != places.end()) {
      return Cat({file, ":", std::to_string(found->second.line), ":",
                  std::to_string(found->second.column)});
    }
    const size_t cut = path.find_last_of(".[");
    if (cut == std::string_view::npos) return Cat({file, ":1:1"});
    path = path.substr(0, cut);
  }
}

absl::Status ParsedConfig::Place(const absl::Status& status) const {
  if (status.ok()) return status;
  const std::string message(status.message());
  return absl::Status(status.code(),
                      Cat({Locate(message.substr(0, message.find(": "))), ": ", message}));
}

absl::StatusOr<ParsedConfig> ParseConfig(std::string_view text, std::string_view file) {
  ParsedConfig parsed;
  parsed.file = std::string(file);
  if (text.size() > kConfigBytesMax) {
    return absl::InvalidArgumentError(Cat({file, ": larger than ", std::to_string(kConfigBytesMax),
                                           " bytes, expected a configuration"}));
  }
  size_t valid = Utf8PrefixBytes(text);
  valid = std::min(valid, text.find('\0'));
  if (valid != text.size()) {
    return Refuse(file, MarkOf(text, valid), "invalid UTF-8, expected UTF-8 text");
  }
  try {
    if (absl::Status read = ReadDocument(text, &parsed); !read.ok()) return read;
  } catch (const YAML::Exception& error) {
    const YAML::Mark mark = error.mark.is_null() ? YAML::Mark() : error.mark;
    // The parser's own message about tabs is misleading.
    if (const auto tab = IndentingTab(text, mark); tab.has_value()) {
      return Refuse(file, *tab, "tabs cannot indent YAML; use spaces");
    }
    // The parser works on bytes and may quote half of a character.
    const std::string_view why(error.msg);
    return Refuse(file, mark, Cat({why.substr(0, Utf8PrefixBytes(why)), ", expected YAML"}));
  }
  return parsed;
}

absl::StatusOr<LoadedConfig> LoadConfigFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::FailedPreconditionError(Cat({path, ": is a folder"}));
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::ErrnoToStatus(errno, Cat({"cannot read ", path}));
  std::string text(kConfigBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return absl::ErrnoToStatus(errno, Cat({"cannot read ", path}));
  text.resize(static_cast<size_t>(stream.gcount()));

  absl::StatusOr<ParsedConfig> parsed = ParseConfig(text, path);
  if (!parsed.ok()) return parsed.status();
  LoadedConfig loaded{*std::move(parsed), nullptr, {}};
  const absl::Status resolved = ResolveConfig(&loaded);
  if (!resolved.ok()) return loaded.parsed.Place(resolved);
  return loaded;
}

absl::Status ResolveConfig(LoadedConfig* config) {
  absl::StatusOr<ProcessSettings> process = ProcessSettings::Make(config->parsed.config);
  if (!process.ok()) return process.status();
  absl::StatusOr<std::shared_ptr<const Settings>> settings =
      Settings::Make(config->parsed.config, std::thread::hardware_concurrency());
  if (!settings.ok()) return settings.status();
  config->process = *std::move(process);
  config->settings = *std::move(settings);
  return absl::OkStatus();
}

absl::Status CheckConfigFile(const std::string& path) { return LoadConfigFile(path).status(); }

}  // namespace faultline
