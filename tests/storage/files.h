#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace faultline {

// What tests do to files behind the product's back.

std::string ReadBytes(const std::string& path);
void WriteBytes(const std::string& path, const std::string& bytes);
void FlipByte(const std::string& path, uint64_t offset);
// Files in a folder whose names begin and end like that, by name.
std::vector<std::string> FindFiles(const std::string& folder, const std::string& begin,
                                   const std::string& end);
void CopyFolder(const std::string& from, const std::string& to);

// A small file system of its own in memory, if this process may mount one.
class SmallDisk {
 public:
  explicit SmallDisk(uint64_t bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  bool MakeReadOnly() const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

}  // namespace faultline
