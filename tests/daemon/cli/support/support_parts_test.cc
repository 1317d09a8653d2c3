#include "daemon/cli/support/support_parts.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/daemon/edge/review/review_server.h"

namespace faultline::cli {
namespace {

namespace fs = std::filesystem;

class SupportPartsTest : public ::testing::Test {
 protected:
  SupportPartsTest() {
    char name[] = "/tmp/faultline_support_XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~SupportPartsTest() override { fs::remove_all(folder_); }

  static std::string Read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  fs::path folder_;
};

TEST(WithoutSecrets, KeepsTheRest) {
  EXPECT_EQ(WithoutSecrets("data_folder: /var/lib\n"
                           "listen:\n"
                           "  grpc: 127.0.0.1:7070\n"
                           "labels: {team: risk, api_token: abc123, area: x}\n"
                           "db_password: \"hunter2\"\n"
                           "- client-secret: |\n"
                           "    line one\n"
                           "    line two\n"
                           "runbook_url: https://user:pass@host/path?sig=abc#here\n"
                           "name: token_count\n"),
            "data_folder: /var/lib\n"
            "listen:\n"
            "  grpc: 127.0.0.1:7070\n"
            "labels: {team: risk, api_token: <removed>, area: x}\n"
            "db_password: <removed>\n"
            "- client-secret: <removed>\n"
            "runbook_url: https://<removed>@host/path?<removed>\n"
            "name: token_count\n");
}

TEST(WithoutPayload, LeavesNoValues) {
  v1::Incident incident = testing::MakeIncident(7, "credit", v1::INCIDENT_STATE_OPEN);
  for (v1::SignalEvidence& evidence : *incident.mutable_evidence()) {
    evidence.add_cells()->set_label("a customer's city");
  }
  incident.set_summary("a customer's city");
  incident.mutable_alerts(0)->mutable_verdict()->set_detail("a customer's city");
  incident.mutable_alerts(0)->mutable_peak()->set_detail("a customer's city");
  incident.mutable_timeline(0)->set_text("a customer's city");
  const v1::Incident without = WithoutPayload(incident);
  EXPECT_EQ(without.DebugString().find("city"), std::string::npos);
  EXPECT_EQ(without.alerts(0).signal(), "income");
  EXPECT_EQ(without.alerts(0).verdict().score(), 0.4242);
}

// tar is the oracle.
TEST_F(SupportPartsTest, TarReadsTheArchive) {
  const std::string archive = (folder_ / "bundle.tar.gz").string();
  const std::vector<BundleFile> files = {{"empty.txt", ""},
                                         {"one.txt", "one\n"},
                                         {"block.bin", std::string(512, 'x')},
                                         {"large.bin", std::string(100'000, 'y')}};
  const absl::Status written = WriteArchive(archive, "top", files, 1'700'000'000'000'000'000);
  ASSERT_TRUE(written.ok()) << written;
  struct stat status {};
  ASSERT_EQ(stat(archive.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(std::system(("tar -C " + folder_.string() + " -xzf " + archive).c_str()), 0);
  for (const auto& [name, bytes] : files) EXPECT_EQ(Read(folder_ / "top" / name), bytes) << name;
  EXPECT_EQ(WriteArchive(archive, "top", files, 0).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(SupportPartsTest, WritesAFolder) {
  const fs::path bundle = folder_ / "bundle";
  ASSERT_TRUE(WriteFolder(bundle.string(), {{"a.txt", "a"}}).ok());
  EXPECT_EQ(Read(bundle / "a.txt"), "a");
  EXPECT_EQ(WriteFolder(bundle.string(), {}).code(), absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace faultline::cli
