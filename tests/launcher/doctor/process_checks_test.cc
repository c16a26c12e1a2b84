#include "doctor/process_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "doctor/library_versions.h"
#include "doctor/port_probe.h"
#include "trireme/base/error.h"
#include "trireme/base/unique_fd.h"

namespace trireme::launcher {
namespace {

using testing::HasSubstr;
using topology::Machine;

constexpr std::uint64_t kMebibyte = 1U << 20U;

ProcessFacts fine_facts() {
  return {.shared_memory_bytes = 8192 * kMebibyte,
          .shared_memory_free = 8000 * kMebibyte,
          .is_clock_synchronised = true,
          .address = "10.0.0.4"};
}

Machine with_adapter() { return {.rdma = {{.name = "mlx5_0"}}}; }
Machine with_gpu() { return {.gpus = {.gpus = {{.pci_address = "0001:00:00.0"}}}}; }

Finding finding_of(const ProcessFacts& facts, const Machine& machine, const std::string& id) {
  const auto findings = examine_process(facts, machine);
  const auto found = std::ranges::find(findings, id, &Finding::id);
  if (found == findings.end()) throw std::runtime_error("no check " + id);
  return *found;
}

TEST(DoctorOfProcesses, FindsNothingWrongWhereNothingIs) {
  EXPECT_FALSE(is_anything_wrong(examine_process(fine_facts(), with_adapter())));
}

TEST(DoctorOfProcesses, WantsMemoryLockedForAdaptersOnly) {
  auto facts = fine_facts();
  facts.locked_memory_bytes = 65536;
  const auto finding = finding_of(facts, with_adapter(), "locked-memory");
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_THAT(finding.found, HasSubstr("64 KiB"));
  EXPECT_THAT(finding.fix, HasSubstr("memlock"));
  EXPECT_EQ(finding_of(facts, Machine{}, "locked-memory").severity, Severity::kOk);
}

TEST(DoctorOfProcesses, WantsRoomInSharedMemory) {
  auto facts = fine_facts();
  facts.shared_memory_bytes = 64 * kMebibyte;
  facts.shared_memory_free = 63 * kMebibyte;
  EXPECT_EQ(finding_of(facts, {}, "shared-memory").severity, Severity::kError);
  facts.shared_memory_free = 500 * kMebibyte;
  EXPECT_EQ(finding_of(facts, {}, "shared-memory").severity, Severity::kWarning);
  facts.shared_memory_bytes = facts.shared_memory_free = 0;
  EXPECT_THAT(finding_of(facts, {}, "shared-memory").found, HasSubstr("not there"));
}

TEST(DoctorOfProcesses, WantsAClockThatIsKept) {
  auto facts = fine_facts();
  facts.is_clock_synchronised = false;
  EXPECT_EQ(finding_of(facts, {}, "clock").severity, Severity::kWarning);
}

TEST(DoctorOfProcesses, NamesBlockedAndTakenPorts) {
  auto facts = fine_facts();
  facts.ports = {{8786, PortState::kFree}, {8787, PortState::kTaken, "process 12 (python3) of user ann"}};
  const auto taken = finding_of(facts, {}, "ports");
  EXPECT_EQ(taken.severity, Severity::kWarning);
  EXPECT_THAT(taken.found, HasSubstr("8787 (process 12 (python3) of user ann)"));
  facts.ports.push_back({29500, PortState::kBlocked, "Connection timed out"});
  const auto blocked = finding_of(facts, {}, "ports");
  EXPECT_EQ(blocked.severity, Severity::kError);
  EXPECT_THAT(blocked.found, HasSubstr("blocked at 10.0.0.4: 29500 (Connection timed out)"));
  facts.ports = {{8787, PortState::kTaken, "process 7 (launcher)"}};
  EXPECT_EQ(finding_of(facts, {}, "ports").severity, Severity::kOk);
}

TEST(DoctorOfProcesses, NamesPeersThatAreNotReached) {
  auto facts = fine_facts();
  facts.peers = {{"10.0.0.5:8787", Reach::kOpen}, {"10.0.0.6:8787", Reach::kRefused, "Connection refused"}};
  EXPECT_EQ(finding_of(facts, {}, "peers").severity, Severity::kOk);
  facts.peers.push_back({"10.0.0.7:8787", Reach::kBlocked, "Connection timed out"});
  const auto finding = finding_of(facts, {}, "peers");
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_THAT(finding.found, HasSubstr("10.0.0.7:8787 (Connection timed out)"));
}

TEST(DoctorOfProcesses, ComparesVersionsBuiltAndLoaded) {
  auto facts = fine_facts();
  facts.libraries = {{"NCCL", "2.28.9", "2.28.3", "/lib/libnccl.so.2"}};
  EXPECT_EQ(finding_of(facts, with_gpu(), "library-nccl").severity, Severity::kOk);
  facts.libraries[0].loaded = "2.18.1";
  const auto older = finding_of(facts, with_gpu(), "library-nccl");
  EXPECT_EQ(older.severity, Severity::kError);
  EXPECT_THAT(older.found, HasSubstr("built with 2.28.9, loaded 2.18.1 (/lib/libnccl.so.2)"));
  facts.libraries[0].loaded = "2.30.7";
  EXPECT_EQ(finding_of(facts, with_gpu(), "library-nccl").severity, Severity::kOk);
  facts.libraries[0].loaded = "3.0.0";
  EXPECT_EQ(finding_of(facts, with_gpu(), "library-nccl").severity, Severity::kError);
  facts.libraries[0].loaded = "";
  EXPECT_EQ(finding_of(facts, with_gpu(), "library-nccl").severity, Severity::kError);
  EXPECT_EQ(finding_of(facts, Machine{}, "library-nccl").severity, Severity::kNote);
  facts.libraries[0].built = "";
  EXPECT_EQ(finding_of(facts, with_gpu(), "library-nccl").severity, Severity::kOk);
  facts.libraries = {{"CUDA runtime", "13.0.48", "12.4", "libcudart.so"}};
  EXPECT_EQ(finding_of(facts, with_gpu(), "library-cuda-runtime").severity, Severity::kError);
}

// A socket that listens on a port of its own.
struct Listener {
  explicit Listener(bool listens) : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) throw std::runtime_error("bind");
    if (listens) listen(socket.get(), 1);
    getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
  }
  UniqueFd socket;
  std::uint16_t port = 0;
};

TEST(PortProbe, TellsTakenFromFree) {
  std::uint16_t port = 0;
  {
    const Listener listener(true);
    port = listener.port;
    const auto taken = probe_port("127.0.0.1", port);
    EXPECT_EQ(taken.state, PortState::kTaken);
    EXPECT_THAT(taken.detail, HasSubstr(std::to_string(getpid())));
  }
  EXPECT_EQ(probe_port("127.0.0.1", port).state, PortState::kFree);
}

// Reserved for documentation: no machine has this address, and nothing answers there at once.
TEST(PortProbe, IsBlockedWhereTheAddressDoesNotAnswer) {
  std::uint16_t port = Listener(false).port;
  EXPECT_EQ(probe_port("255.255.255.255", port).state, PortState::kBlocked);
}

TEST(PortProbe, TellsOpenFromRefused) {
  const Listener open(true);
  const Listener closed(false);
  EXPECT_EQ(probe_peer("127.0.0.1:" + std::to_string(open.port)).reach, Reach::kOpen);
  EXPECT_EQ(probe_peer("127.0.0.1:" + std::to_string(closed.port)).reach, Reach::kRefused);
  EXPECT_EQ(probe_peer("255.255.255.255:" + std::to_string(open.port)).reach, Reach::kBlocked);
}

TEST(PortProbe, RefusesWhatIsNoPeer) {
  for (const auto* text : {"10.0.0.5", "10.0.0.5:", ":80", "10.0.0.5:0", "10.0.0.5:70000", "10.0.0.5:80x"}) {
    EXPECT_THROW(static_cast<void>(probe_peer(text)), ConfigError) << text;
  }
}

TEST(PortProbe, KnowsLoopbacksAddress) {
  EXPECT_EQ(address_of("lo"), "127.0.0.1");
  EXPECT_EQ(address_of("no-such-interface"), "127.0.0.1");
}

TEST(LibraryVersions, AreThoseThatAProgramLoads) {
  const auto of_shell = library_versions("/bin/sh");
  ASSERT_EQ(of_shell.size(), 4U);
  for (const auto& library : of_shell) EXPECT_EQ(library.loaded, "") << library.name;
}

TEST(Findings, PutWhatIsWrongFirst) {
  const std::vector<Finding> findings = {
      {.id = "a", .title = "fine", .found = "x"},
      {.id = "b", .title = "bad", .severity = Severity::kError, .found = "y", .cost = "much", .fix = "this"}};
  EXPECT_TRUE(is_anything_wrong(findings));
  const auto text = findings_text(findings, false);
  EXPECT_LT(text.find("FAIL  bad"), text.find("ok    fine"));
  EXPECT_THAT(text, HasSubstr("      costs  much\n      fix    this\n"));
  EXPECT_THAT(text, HasSubstr("2 checks: 1 fine, 1 error\n"));
  const auto json = findings_json(findings);
  EXPECT_FALSE(json.at("ok").get<bool>());
  EXPECT_EQ(json.at("findings").at(1).at("severity"), "error");
}

}  // namespace
}  // namespace trireme::launcher
