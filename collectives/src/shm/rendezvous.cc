#include "rendezvous.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "seqpacket.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

constexpr std::string_view kEverybodyIsHere = "go";
constexpr std::string_view kLost = "lost ";             // and the global rank, and the text
constexpr auto kSlice = std::chrono::milliseconds(50);  // between two looks at who is lost
// How long the store may take to say that a rank is lost whose socket is closed already.
constexpr int kSlicesForTheStore = 10;

// What rank 0 sends along with the memfd.
struct Offer {
  std::uint64_t bytes = 0;
  // A MappingPtr of rank 0, valid until it gets the answer, for ranks that are threads of the same process.
  const MappingPtr* mapping = nullptr;
};

template <typename T>
std::string_view as_bytes(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <typename T>
T from_bytes(const std::string& bytes) {
  if (bytes.size() != sizeof(T)) throw CommError("a peer in the shm backend speaks another version of its protocol");
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// What `attempt(until)` gives, tried until the deadline with a check in between; nullopt at the deadline.
template <typename Attempt>
auto checking(const Meeting& meeting, Deadline deadline, Attempt&& attempt) {
  for (;;) {
    auto result = attempt(std::min(deadline, std::chrono::steady_clock::now() + kSlice));
    if (result || std::chrono::steady_clock::now() >= deadline) return result;
    if (meeting.check) meeting.check();
  }
}

std::optional<Packet> receive_checking(const Meeting& meeting, const UniqueFd& socket, Deadline deadline) {
  return checking(meeting, deadline, [&](Deadline until) { return receive_packet(socket, until); });
}

// A peer closed its socket: dead, if the store says so soon.
void await_reason(const Meeting& meeting) {
  for (int slice = 0; meeting.check && slice < kSlicesForTheStore; ++slice) {
    meeting.check();
    std::this_thread::sleep_for(kSlice);
  }
}

std::string missing_text(const Meeting& meeting, const std::vector<UniqueFd>& peers) {
  std::string missing;
  for (int rank = 1; rank < meeting.size; ++rank) {
    if (!peers[rank]) missing += (missing.empty() ? "" : ", ") + std::to_string(rank);
  }
  return message(
      "shm group '{}' of {} ranks timed out after {} ms while it was formed: rank {} did not arrive. Look at "
      "the output of that rank; is it started with the same world size, on this node?",
      meeting.key, meeting.size, meeting.timeout.count(), missing);
}

// Rank 0: takes connections until every rank has answered.
class Host {
 public:
  Host(const Meeting& meeting, Deadline deadline)
      : meeting_(meeting), deadline_(deadline), listener_(listen_abstract()), peers_(meeting.size) {
    meeting_.store.set(meeting_.key, abstract_name(listener_));
  }
  ~Host() {
    try {
      meeting_.store.remove(meeting_.key);
    } catch (const Error&) {  // the key outlives us in a store that is gone anyway
    }
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  void hand_out(const UniqueFd& memfd, const MappingPtr& mapping) {
    try {
      for (int rank = 1; rank < meeting_.size; ++rank) {
        if (!welcome_checking(memfd, mapping)) give_up(missing_text(meeting_, peers_));
      }
    } catch (const PeerLostError& lost) {
      tell_all(message("{}{} {}", kLost, lost.rank(), lost.what()));
      throw;
    }
    tell_all(kEverybodyIsHere);
  }

 private:
  bool welcome_checking(const UniqueFd& memfd, const MappingPtr& mapping) {
    try {
      return welcome(memfd, mapping);
    } catch (const PeerLostError&) {
      throw;
    } catch (const CommError&) {
      await_reason(meeting_);
      throw;
    }
  }
  bool welcome(const UniqueFd& memfd, const MappingPtr& mapping) {
    auto socket = checking(meeting_, deadline_, [this](Deadline until) { return accept_until(listener_, until); });
    if (!socket) return false;
    const auto hello = receive_checking(meeting_, *socket, deadline_);
    if (!hello) return false;
    const auto rank = from_bytes<int>(hello->bytes);
    if (rank < 1 || rank >= meeting_.size || peers_[rank]) {
      give_up(message("shm group '{}': two processes say that they are rank {}/{}", meeting_.key, rank, meeting_.size));
    }
    send_packet(*socket, as_bytes(Offer{mapping->bytes(), &mapping}), memfd);
    if (!receive_checking(meeting_, *socket, deadline_)) return false;
    peers_[rank] = std::move(*socket);
    return true;
  }
  // A peer that is gone meanwhile shows when it is first waited for.
  void tell_all(std::string_view verdict) {
    for (const auto& peer : peers_) {
      try {
        if (peer) send_packet(peer, verdict);
      } catch (const CommError&) {
        continue;
      }
    }
  }
  [[noreturn]] void give_up(const std::string& reason) {
    tell_all(reason);
    throw TimeoutError(reason);
  }

  const Meeting& meeting_;
  const Deadline deadline_;
  const UniqueFd listener_;
  std::vector<UniqueFd> peers_;  // by rank, empty until it has answered
};

std::string find_host(const Meeting& meeting, Deadline deadline) {
  const auto name = checking(meeting, deadline, [&](Deadline until) -> std::optional<std::string> {
    const auto left = std::chrono::ceil<Timeout>(until - std::chrono::steady_clock::now());
    try {
      return meeting.store.get(meeting.key, std::max(left, Timeout(1)));
    } catch (const TimeoutError&) {
      return std::nullopt;
    }
  });
  if (name) return *name;
  throw TimeoutError(message("shm group '{}' of {} ranks timed out on rank {} after {} ms: rank 0 did not arrive",
                             meeting.key, meeting.size, meeting.rank, meeting.timeout.count()));
}

Packet expect_packet(const Meeting& meeting, const UniqueFd& socket, Deadline deadline) {
  auto packet = receive_checking(meeting, socket, deadline);
  if (packet) return std::move(*packet);
  throw TimeoutError(
      message("shm group '{}' of {} ranks timed out on rank {} after {} ms: rank 0 still waits for others", meeting.key,
              meeting.size, meeting.rank, meeting.timeout.count()));
}

[[noreturn]] void throw_verdict(const std::string& verdict) {
  if (!verdict.starts_with(kLost)) throw TimeoutError(verdict);
  const auto rest = verdict.substr(kLost.size());
  const auto blank = rest.find(' ');
  throw PeerLostError(std::stoi(rest.substr(0, blank)), rest.substr(blank + 1));
}

MappingPtr join(const Meeting& meeting, Deadline deadline, const std::function<void(Mapping&)>& introduce) {
  const auto socket = connect_abstract(find_host(meeting, deadline));
  send_packet(socket, as_bytes(meeting.rank));
  const auto packet = expect_packet(meeting, socket, deadline);
  const auto offer = from_bytes<Offer>(packet.bytes);
  const bool is_thread_of_host = peer_process(socket) == ::getpid();
  auto mapping = is_thread_of_host ? *offer.mapping : std::make_shared<Mapping>(packet.fd, offer.bytes);
  if (introduce) introduce(*mapping);
  send_packet(socket, "mapped");
  const auto verdict = expect_packet(meeting, socket, deadline).bytes;
  if (verdict != kEverybodyIsHere) throw_verdict(verdict);
  return mapping;
}

// Rank 0 may be gone at every step.
MappingPtr join_checking(const Meeting& meeting, Deadline deadline, const std::function<void(Mapping&)>& introduce) {
  try {
    return join(meeting, deadline, introduce);
  } catch (const PeerLostError&) {
    throw;
  } catch (const TimeoutError&) {
    throw;
  } catch (const CommError&) {
    await_reason(meeting);
    throw;
  }
}

}  // namespace

MappingPtr share_mapping(const Meeting& meeting, std::size_t bytes, const std::function<void(Mapping&)>& prepare,
                         const std::function<void(Mapping&)>& introduce) {
  const auto deadline = std::chrono::steady_clock::now() + meeting.timeout;
  if (meeting.rank != 0) return join_checking(meeting, deadline, introduce);
  const auto memfd = make_memfd("trireme", bytes);
  auto mapping = std::make_shared<Mapping>(memfd, bytes);
  if (prepare) prepare(*mapping);
  if (introduce) introduce(*mapping);
  if (meeting.size > 1) Host(meeting, deadline).hand_out(memfd, mapping);
  return mapping;
}

}  // namespace trireme::collectives
