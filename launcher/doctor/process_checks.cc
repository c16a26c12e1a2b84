#include "doctor/process_checks.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace trireme::launcher {

namespace {

constexpr std::uint64_t kMebibyte = 1U << 20U;
constexpr std::uint64_t kEnoughSharedMemory = 1024 * kMebibyte;

Finding check_locked_memory(const ProcessFacts& facts, const topology::Machine& machine) {
  Finding finding{.id = "locked-memory", .title = "locked-memory limit"};
  if (!facts.locked_memory_bytes) {
    finding.found = "unlimited";
    return finding;
  }
  finding.found = fmt::format("{} KiB", *facts.locked_memory_bytes / 1024);
  if (machine.rdma.empty()) return finding;
  finding.severity = Severity::kError;
  finding.cost =
      "adapters cannot register memory: \"ibv_reg_mr failed: Cannot allocate memory\", or sockets instead of "
      "the fabric";
  finding.fix =
      "\"* - memlock unlimited\" in /etc/security/limits.conf and a new login; in a container --ulimit memlock=-1";
  return finding;
}

Finding check_shared_memory(const ProcessFacts& facts) {
  Finding finding{.id = "shared-memory", .title = "shared memory"};
  finding.found = facts.shared_memory_bytes == 0
                      ? "/dev/shm is not there"
                      : fmt::format("/dev/shm has {} MiB, {} free", facts.shared_memory_bytes / kMebibyte,
                                    facts.shared_memory_free / kMebibyte);
  if (facts.shared_memory_free >= kEnoughSharedMemory) return finding;
  const bool is_tiny = facts.shared_memory_free < 64 * kMebibyte;
  finding.severity = is_tiny ? Severity::kError : Severity::kWarning;
  finding.cost = "NCCL, Open MPI and data loaders keep their segments there; when it is full, ranks die of a bus error";
  finding.fix = "in a container --shm-size=8g (Docker gives 64 MiB), else: mount -o remount,size=50% /dev/shm";
  return finding;
}

Finding check_clock(const ProcessFacts& facts) {
  Finding finding{.id = "clock", .title = "clock"};
  if (facts.is_clock_synchronised) {
    finding.found = "kept by a time service";
    return finding;
  }
  finding.severity = Severity::kWarning;
  finding.found = "the kernel knows of no time service that keeps it";
  finding.cost =
      "nodes drift apart: TLS and cloud tokens are refused, logs of several nodes cannot be read side by side";
  finding.fix = "install chrony (or systemd-timesyncd); in a container the host's service counts";
  return finding;
}

std::string text_of(const PortFact& fact) { return fmt::format("{} ({})", fact.port, fact.detail); }

Finding check_ports(const ProcessFacts& facts) {
  Finding finding{.id = "ports", .title = "ports"};
  std::vector<std::string> blocked;
  std::vector<std::string> taken;
  int free = 0;
  for (const auto& fact : facts.ports) {
    if (fact.state == PortState::kFree) ++free;
    if (fact.state == PortState::kBlocked) blocked.push_back(text_of(fact));
    // A cluster of ours that is up has its ports by right.
    const bool is_ours = fact.detail.find("(launcher)") != std::string::npos;
    if (fact.state == PortState::kTaken && !is_ours) taken.push_back(text_of(fact));
  }
  finding.found = facts.ports.empty() ? "none were asked for"
                                      : fmt::format("{} of {} free at {}", free, facts.ports.size(), facts.address);
  if (!blocked.empty()) {
    finding.severity = Severity::kError;
    finding.found = fmt::format("blocked at {}: {}", facts.address, fmt::join(blocked, ", "));
    finding.cost = "ranks and clients wait until they time out";
    finding.fix = "open them between the nodes (firewall of the machine, security group of the network)";
  } else if (!taken.empty()) {
    finding.severity = Severity::kWarning;
    finding.found = fmt::format("taken: {}", fmt::join(taken, ", "));
    finding.cost = "launcher up refuses to start on them";
    finding.fix = "end what listens there, or give others: launcher up --dask-port PORT --http-port PORT";
  }
  return finding;
}

Finding check_peers(const ProcessFacts& facts) {
  Finding finding{.id = "peers", .title = "other nodes"};
  std::vector<std::string> blocked;
  std::vector<std::string> reached;
  for (const auto& fact : facts.peers) {
    if (fact.reach == Reach::kBlocked) {
      blocked.push_back(fmt::format("{} ({})", fact.peer, fact.detail));
    } else {
      reached.push_back(fact.reach == Reach::kOpen ? fact.peer : fact.peer + " (reached; nobody listens)");
    }
  }
  finding.found =
      facts.peers.empty() ? "none were named (--connect HOST:PORT)" : fmt::format("{}", fmt::join(reached, ", "));
  if (blocked.empty()) return finding;
  finding.severity = Severity::kError;
  finding.found = fmt::format("not reached: {}", fmt::join(blocked, ", "));
  finding.cost = "a run over these nodes does not start";
  finding.fix = "open the port between the nodes; they should lie in one virtual network";
  return finding;
}

// The first `count` numbers of "2.28.9".
std::vector<int> numbers_of(const std::string& version, std::size_t count) {
  std::vector<int> numbers;
  const auto* at = version.data();
  const auto* end = at + version.size();
  while (numbers.size() < count && at < end) {
    int number = 0;
    const auto parsed = std::from_chars(at, end, number);
    if (parsed.ec != std::errc{}) break;
    numbers.push_back(number);
    at = parsed.ptr < end && *parsed.ptr == '.' ? parsed.ptr + 1 : end;
  }
  return numbers;
}

Finding check_library(const LibraryVersion& library, bool is_needed) {
  Finding finding{.id = "library-" + library.name, .title = library.name};
  std::ranges::replace(finding.id, ' ', '-');
  std::ranges::transform(finding.id, finding.id.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto built = library.built.empty() ? "without" : "with " + library.built;
  finding.found = fmt::format("built {}, loaded {}", built,
                              library.loaded.empty() ? "none" : fmt::format("{} ({})", library.loaded, library.where));
  if (library.built.empty()) return finding;
  if (library.loaded.empty()) {
    finding.severity = is_needed ? Severity::kError : Severity::kNote;
    finding.cost = is_needed ? "programs of this build do not start" : "";
    finding.fix =
        "put its folder on the loader's path (ldconfig, LD_LIBRARY_PATH), or name a program that knows where it "
        "is: launcher doctor --program ./train_gpt2";
    return finding;
  }
  const bool is_other_major = numbers_of(library.built, 1) != numbers_of(library.loaded, 1);
  const bool is_older = numbers_of(library.loaded, 2) < numbers_of(library.built, 2);
  if (!is_other_major && !is_older) return finding;
  finding.severity = Severity::kError;
  finding.cost = is_older ? "functions the build uses are missing" : "another major version: the interface differs";
  finding.fix =
      fmt::format("load {} or newer of the same major version, or build again with what is here", library.built);
  return finding;
}

}  // namespace

std::vector<Finding> examine_process(const ProcessFacts& facts, const topology::Machine& machine) {
  std::vector<Finding> findings = {check_locked_memory(facts, machine), check_shared_memory(facts), check_clock(facts),
                                   check_ports(facts), check_peers(facts)};
  for (const auto& library : facts.libraries) {
    const bool is_needed = library.name == "MPI" || !machine.gpus.gpus.empty();
    findings.push_back(check_library(library, is_needed));
  }
  return findings;
}

}  // namespace trireme::launcher
