#include "doctor/process_facts.h"

#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include "doctor/library_versions.h"
#include "doctor/port_probe.h"

namespace trireme::launcher {

namespace {

std::optional<std::uint64_t> locked_memory_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

void read_shared_memory(ProcessFacts& facts) {
  struct statvfs space {};
  if (statvfs("/dev/shm", &space) != 0) return;
  facts.shared_memory_bytes = std::uint64_t{space.f_blocks} * space.f_frsize;
  facts.shared_memory_free = std::uint64_t{space.f_bavail} * space.f_frsize;
}

// The kernel's own word on whether a time service keeps its clock.
bool is_clock_synchronised() {
  timex clock{};
  return adjtimex(&clock) != TIME_ERROR && (clock.status & STA_UNSYNC) == 0;
}

}  // namespace

ProcessFacts gather_facts(const FactsOptions& options) {
  ProcessFacts facts{.locked_memory_bytes = locked_memory_limit(),
                     .is_clock_synchronised = is_clock_synchronised(),
                     .address = address_of(options.interface),
                     .libraries = library_versions(options.program)};
  read_shared_memory(facts);
  for (const auto port : options.ports) facts.ports.push_back(probe_port(facts.address, port));
  for (const auto& peer : options.peers) facts.peers.push_back(probe_peer(peer));
  return facts;
}

}  // namespace trireme::launcher
