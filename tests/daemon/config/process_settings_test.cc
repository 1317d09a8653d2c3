#include "daemon/config/process_settings.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

namespace faultline {
namespace {

using testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;
constexpr const char* kAddress = "an address with a port, such as 127.0.0.1:7070 or [::1]:7070";

absl::StatusOr<ProcessSettings> TryMake(const std::string& text) {
  v1::Config config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return ProcessSettings::Make(config);
}

ProcessSettings Make(const std::string& text) {
  auto settings = TryMake(text);
  EXPECT_TRUE(settings.ok()) << settings.status() << "\n" << text;
  return settings.ok() ? *std::move(settings) : ProcessSettings();
}

std::string Error(const std::string& text) {
  const auto settings = TryMake(text);
  if (settings.ok()) return "";
  EXPECT_EQ(settings.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(settings.status().message());
}

TEST(ProcessSettings, AnEmptyConfigurationGivesTheDocumentedDefaults) {
  const ProcessSettings settings = Make("");
  EXPECT_EQ(settings.data_folder, "/var/lib/faultline");
  EXPECT_EQ(settings.listen.grpc_address, "127.0.0.1:7070");
  EXPECT_EQ(settings.listen.http_address, "127.0.0.1:7071");
  EXPECT_EQ(settings.listen.socket_path, "/var/lib/faultline/faultline.sock");
  EXPECT_EQ(settings.listen.reports_address, "127.0.0.1:7072");
  EXPECT_EQ(settings.listen.reports_url, "");
  EXPECT_EQ(settings.listen.connections_max, 1'000u);
  EXPECT_EQ(settings.alertmanager.url.host, "");
  EXPECT_EQ(settings.alertmanager.resend_ns, 60 * kSecond);
  EXPECT_EQ(settings.log.level, "info");
  EXPECT_FALSE(settings.log.json);
  EXPECT_FALSE(settings.recorder.enabled);
  EXPECT_EQ(settings.recorder.bytes_per_second, 8u << 20);
  EXPECT_EQ(settings.recorder.bytes, 1u << 30);
  EXPECT_EQ(settings.recorder.age_ns, 7 * 86'400 * kSecond);
}

TEST(ProcessSettings, ErrorsNamePathValueAndExpectation) {
  EXPECT_EQ(Error("listen { connections_max: 0 }"),
            "listen.connections_max: 0: expected 1 to 100000");
  EXPECT_EQ(Error(R"(log { level: "loud" })"),
            "log.level: loud: expected debug, info, warn or error");
  EXPECT_EQ(Error(R"(recorder { bytes_max: "0" })"), "recorder.bytes_max: 0: expected at least 1");
}

TEST(ProcessSettings, AlertmanagerIsOnLoopbackUnlessTheRiskIsNamed) {
  const auto settings = Make(R"(alertmanager {
    url: "http://127.0.0.1:9093/am/" resend: "30s" labels { key: "instance" value: "a" } })");
  EXPECT_EQ(settings.alertmanager.url.host, "127.0.0.1");
  EXPECT_EQ(settings.alertmanager.url.port, 9093);
  EXPECT_EQ(settings.alertmanager.url.path, "/am");
  EXPECT_EQ(settings.alertmanager.resend_ns, 30 * kSecond);
  EXPECT_EQ(settings.alertmanager.labels.at("instance"), "a");
  EXPECT_EQ(Make(R"(alertmanager { url: "http://[::1]:1" })").alertmanager.url.host, "::1");
  EXPECT_EQ(Make(R"(alertmanager { url: "http://localhost" })").alertmanager.url.port, 80);
  EXPECT_THAT(Error(R"(alertmanager { url: "http://10.0.0.1:9093" })"),
              HasSubstr("alertmanager.url: http://10.0.0.1:9093: expected an address on loopback"));
  EXPECT_EQ(Make(R"(alertmanager {
    url: "http://alerts.example:9093"
    insecure_post: "anybody on the way can read and change what is posted" })")
                .alertmanager.url.host,
            "alerts.example");
  for (const char* url :
       {"127.0.0.1:9093", "https://127.0.0.1", "http://", "http://a b", "http://:1",
        "http://127.0.0.1:0", "http://127.0.0.1:70000", "http://127.0.0.1:x", "http://::1",
        "http://u@127.0.0.1", "http://127.0.0.1/?a", "http://[::1", "http://[]", "http://[a]",
        "http://[::1]]", "http://[::&]:80"}) {
    EXPECT_FALSE(ParseHttpUrl(url).ok()) << url;
  }
  EXPECT_THAT(Error(R"(alertmanager { resend: "1h" })"), HasSubstr("1s to 10m"));
  for (const char* name : {"model", "severity", "a-b", "1a", ""}) {
    EXPECT_NE(Error(std::string("alertmanager { labels { key: \"") + name + "\" value: \"x\" } }"),
              "")
        << name;
  }
}

TEST(ProcessSettings, ReportsHaveAnAddressOfTheirOwn) {
  EXPECT_EQ(Make(R"(listen { reports: "off" })").listen.reports_address, "");
  EXPECT_FALSE(Make("").listen.reports_required);
  EXPECT_TRUE(Make(R"(listen { reports: "127.0.0.1:7072" })").listen.reports_required);
  EXPECT_THAT(Error(R"(listen { reports: "0.0.0.0:7072" })"), HasSubstr("insecure_listen"));
  EXPECT_EQ(Make(R"(listen { reports_url: "https://f.example/x/" })").listen.reports_url,
            "https://f.example/x");
  for (const char* url : {"f.example", "javascript:alert(1)", "https://a\"b", "https://a?b"}) {
    v1::Config config;
    config.mutable_listen()->set_reports_url(url);
    EXPECT_FALSE(ProcessSettings::Make(config).ok()) << url;
  }
}

TEST(ProcessSettings, OnlyLoopbackUnlessTheRiskIsNamed) {
  for (const char* address : {"127.0.0.1:0", "127.9.9.9:80", "[::1]:7070", "localhost:7070"}) {
    EXPECT_EQ(Make(std::string("listen { grpc: \"") + address + "\" }").listen.grpc_address,
              address);
  }
  const std::string open = R"(listen { grpc: "0.0.0.0:7070" )";
  EXPECT_EQ(Error(open + "}"),
            "listen.grpc: 0.0.0.0:7070: expected a loopback address such as 127.0.0.1:7070, or "
            "listen.insecure_listen set to \"anybody who reaches this port can read and write\"");
  for (const char* address : {"[::]:1", "10.0.0.1:1", "127.0.0.1.example.com:1", "[::2]:1"}) {
    EXPECT_THAT(Error(std::string("listen { http: \"") + address + "\" }"),
                HasSubstr("expected a loopback address"))
        << address;
  }
  EXPECT_EQ(Error(open + "insecure_listen: \"yes\" }"),
            "listen.insecure_listen: yes: expected \"anybody who reaches this port can read and "
            "write\", or nothing");
  EXPECT_EQ(Make(open + "insecure_listen: \"anybody who reaches this port can read and write\" }")
                .listen.grpc_address,
            "0.0.0.0:7070");
  for (const char* address : {"7070", "127.0.0.1", "127.0.0.1:", ":7070", "127.0.0.1:65536",
                              "[::1:7070", "a b:1", "off"}) {
    EXPECT_EQ(Error(std::string("listen { http: \"") + address + "\" }"),
              std::string("listen.http: ") + address + ": expected " + kAddress);
  }
}

TEST(ProcessSettings, EndsCanBeOff) {
  const auto settings = Make(R"(data_folder: "/x" listen { grpc: "off" socket: "off" })");
  EXPECT_EQ(settings.listen.grpc_address, "");
  EXPECT_EQ(settings.listen.socket_path, "");
  EXPECT_EQ(Make(R"(data_folder: "/x")").listen.socket_path, "/x/faultline.sock");
  EXPECT_THAT(Error("listen { socket: \"/" + std::string(107, 'x') + "\" }"),
              HasSubstr("expected a path of at most 107 bytes"));
}

}  // namespace
}  // namespace faultline
