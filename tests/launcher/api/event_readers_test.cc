#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <vector>

#include "api/api_server.h"
#include "demo_cluster.h"
#include "raw_peer.h"

// Many readers of /events, of which half read nothing.
namespace trireme::launcher {
namespace {

constexpr int kReaders = 500;
constexpr std::size_t kMostResident = std::size_t{400} << 20;  // copies for every reader would be a gigabyte

std::size_t resident_bytes() {
  std::size_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * 4096;
}

// This process has both ends of every connection.
void allow_descriptors(rlim_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(count, limit.rlim_max));
  setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(EventReaders, OfWhomHalfReadNothingCostLittleAndDelayNobody) {
  allow_descriptors(4 * kReaders);
  FakeSource source;
  show_busy_cluster(source, 3);
  const ApiServer server({.port = 0}, source);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < kReaders; ++i) {
    peers.push_back(std::make_unique<RawPeer>(server.port(), 4096));
    peers.back()->send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  for (auto& peer : peers) peer->read_until("event: snapshot");
  const std::size_t before = resident_bytes();
  const std::string large(100'000, 'x');
  for (int change = 0; change < 60; ++change) {
    source.update([&](ClusterSnapshot& cluster) { cluster.name = large + std::to_string(change); });
    const std::string id = "id: " + std::to_string(source.snapshot().revision);
    const auto began = std::chrono::steady_clock::now();
    for (int reader = 0; reader < kReaders; reader += 50) {
      peers[static_cast<std::size_t>(reader)]->read_until(id);
      peers[static_cast<std::size_t>(reader)]->read_until("event: ranks");
    }
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5)) << "change " << change;
  }
  EXPECT_LT(resident_bytes() - std::min(before, resident_bytes()), kMostResident);
}

}  // namespace
}  // namespace trireme::launcher
