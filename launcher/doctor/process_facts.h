#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace trireme::launcher {

// A library that programs of ours load, in the version this build was made with and the one that is loaded here.
struct LibraryVersion {
  std::string name;    // "NCCL"
  std::string built;   // "2.28.9"; empty: this build has none
  std::string loaded;  // empty: the loader does not find it
  std::string where;   // the file, or the name that was tried
  friend bool operator==(const LibraryVersion&, const LibraryVersion&) = default;
};

enum class PortState { kFree, kTaken, kBlocked };
// A port of this machine that runs will want.
struct PortFact {
  std::uint16_t port = 0;
  PortState state = PortState::kFree;
  std::string detail{};  // who has it, or how the connection failed
  friend bool operator==(const PortFact&, const PortFact&) = default;
};

enum class Reach { kOpen, kRefused, kBlocked };
// A port of another machine.
struct PeerFact {
  std::string peer;  // "10.0.0.5:8787"
  Reach reach = Reach::kOpen;
  std::string detail{};
  friend bool operator==(const PeerFact&, const PeerFact&) = default;
};

// What this system allows a process of this user. A plain value.
struct ProcessFacts {
  std::optional<std::uint64_t> locked_memory_bytes{};  // the limit; nullopt: none
  std::uint64_t shared_memory_bytes = 0;               // size of /dev/shm; 0: there is none
  std::uint64_t shared_memory_free = 0;
  bool is_clock_synchronised = false;
  std::string address{};  // through which ports were tried
  std::vector<PortFact> ports{};
  std::vector<PeerFact> peers{};
  std::vector<LibraryVersion> libraries{};
};

struct FactsOptions {
  std::string interface {};  // whose address ports are tried at; empty: loopback
  std::vector<std::uint16_t> ports{};
  std::vector<std::string> peers{};  // "HOST:PORT"
  std::string program{};             // whose libraries are looked at; empty: what the loader finds
};
// Listens on and connects to the ports (2 s at most each), loads the libraries. Throws ConfigError for a peer that is
// no HOST:PORT.
[[nodiscard]] ProcessFacts gather_facts(const FactsOptions& options);

}  // namespace trireme::launcher
