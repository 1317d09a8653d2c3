// A target without libFuzzer: runs what is in its corpus, today's seeds, and a bounded number of
// mutations of both, always the same ones.
//   fuzz_x CORPUS MUTATIONS      fails if the corpus is missing or empty
//   fuzz_x --write-seeds CORPUS  renews the seeds in it
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/fuzz.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* bytes, size_t size, size_t size_max);

namespace {

namespace fs = std::filesystem;

using faultline::testing::Random;

constexpr size_t kMutatedBytesMax = 64 << 10;

Random raw_dice(1);  // of LLVMFuzzerMutate, which is given none
std::string running;
const char* left_at = "";

// What was running when something broke, so that it can be put into the corpus.
void LeaveInput(int signal) {
  FILE* const file = std::fopen(left_at, "wb");
  if (file != nullptr) {
    std::fwrite(running.data(), 1, running.size(), file);
    std::fclose(file);
    std::fprintf(stderr, "the input is in %s\n", left_at);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

std::string ReadWhole(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> ReadCorpus(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const fs::path& path : paths) inputs.push_back(ReadWhole(path));
  return inputs;
}

int WriteSeeds(const fs::path& folder) {
  fs::create_directories(folder);
  int number = 0;
  for (const std::string& seed : faultline::fuzz::Seeds()) {
    const std::string name = "seed-" + std::to_string(100 + number++).substr(1);
    std::ofstream(folder / name, std::ios::binary) << seed;
  }
  return number == 0 ? 1 : 0;
}

int Replay(const fs::path& folder, uint64_t mutations) {
  std::vector<std::string> inputs = ReadCorpus(folder);
  if (inputs.empty()) {
    std::fprintf(stderr, "%s: no corpus is there\n", folder.c_str());
    return 1;
  }
  const size_t files = inputs.size();
  for (std::string& seed : faultline::fuzz::Seeds()) inputs.push_back(std::move(seed));
  for (const std::string& input : inputs) {
    running = input;
    faultline::fuzz::Run(running);
  }
  Random dice(20'260'101);
  for (uint64_t i = 0; i < mutations; ++i) {
    std::string mutated = inputs[dice.Below(inputs.size())];
    // One change hides behind another; most inputs get few.
    for (uint64_t changes = 1 + dice.Below(4); changes > 0; --changes) {
      faultline::fuzz::Mutate(&dice, kMutatedBytesMax, &mutated);
    }
    running = std::move(mutated);
    faultline::fuzz::Run(running);
  }
  std::printf("%zu files, %zu seeds, %llu mutations\n", files, inputs.size() - files,
              static_cast<unsigned long long>(mutations));
  return 0;
}

}  // namespace

// The plain mutations of bytes.
extern "C" size_t LLVMFuzzerMutate(uint8_t* bytes, size_t size, size_t size_max) {
  std::string text(reinterpret_cast<char*>(bytes), size);
  const size_t at = raw_dice.Below(size + 1);
  const size_t run = raw_dice.Below(1 + std::min<size_t>(size - std::min(at, size), 16));
  const auto byte = static_cast<char>(raw_dice.Bits());
  switch (raw_dice.Below(size == 0 ? 1 : 6)) {
    case 0:
      text.insert(at, raw_dice.Below(4) + 1, byte);
      break;
    case 1:
      text.erase(at, run);
      break;
    case 2:
      text.insert(raw_dice.Below(size + 1), text.substr(at, run));
      break;
    case 3:
      text[at % size] = static_cast<char>(text[at % size] ^ (1 << raw_dice.Below(8)));
      break;
    case 4:
      text[at % size] = static_cast<char>(text[at % size] + (raw_dice.Below(2) == 0 ? 1 : -1));
      break;
    default:
      text[at % size] = byte;
  }
  text.resize(std::min(text.size(), size_max));
  std::memcpy(bytes, text.data(), text.size());
  return text.size();
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CORPUS MUTATIONS | --write-seeds CORPUS\n", argv[0]);
    return 2;
  }
  if (std::string_view(argv[1]) == "--write-seeds") return WriteSeeds(argv[2]);
  static const std::string left = fs::path(argv[0]).filename().string() + ".finding";
  left_at = left.c_str();
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, LeaveInput);
  return Replay(argv[1], std::strtoull(argv[2], nullptr, 10));
}
