#include "store/store_service.h"

#include <algorithm>
#include <limits>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::detail {

namespace {

constexpr std::size_t kMaxCauseBytes = 1024;

StoreFrame lost_frame(const LostRank& lost) {
  return {.type = FrameType::kLost, .number = lost.rank, .key = lost.node, .value = lost.cause};
}

int rank_of(const StoreFrame& frame) {
  const bool fits = frame.number >= 0 && frame.number <= std::numeric_limits<int>::max();
  return fits ? static_cast<int>(frame.number) : -1;
}

// A node without a rank is told apart by its name, a rank by its number.
bool is_same(const LostRank& a, const LostRank& b) { return a.rank == b.rank && (a.rank >= 0 || a.node == b.node); }

std::string in_seconds(std::chrono::milliseconds time) {
  const auto value = time.count();
  return value % 1000 == 0 ? message("{} s", value / 1000) : message("{} ms", value);
}

}  // namespace

void StoreService::connected(Connection from, Time now) { clients_[from].last_heard = now; }

bool StoreService::is_greeted(Connection from) const {
  const auto client = clients_.find(from);
  return client != clients_.end() && client->second.is_greeted;
}

void StoreService::heard(Connection from, Time now) {
  const auto client = clients_.find(from);
  if (client != clients_.end() && client->second.is_greeted) client->second.last_heard = now;
}

void StoreService::received(Connection from, const StoreFrame& frame) {
  const auto found = clients_.find(from);
  if (found == clients_.end() || found->second.is_leaving) return;
  if (found->second.is_greeted) return serve(from, frame);
  greet(from, found->second, frame);
}

void StoreService::closed(Connection from) {
  const auto found = clients_.find(from);
  if (found == clients_.end()) return;
  const Client client = std::move(found->second);
  clients_.erase(found);
  for (auto& [key, waiters] : waiters_) {
    std::erase_if(waiters, [&](const Waiter& waiter) { return waiter.connection == from; });
  }
  std::erase_if(waiters_, [](const auto& entry) { return entry.second.empty(); });
  if (client.rank < 0 || client.is_leaving) return;
  const LostRank rank{.rank = client.rank, .node = client.node, .cause = "connection closed"};
  // What the launcher reported says more than the end of a connection.
  if (std::ranges::none_of(lost_, [&](const LostRank& lost) { return is_same(lost, rank); })) declare_lost(rank);
}

void StoreService::tick(Time now) {
  for (auto& [connection, client] : clients_) {
    const auto silent = now - client.last_heard;
    if (client.is_leaving) continue;
    if (!client.is_greeted && silent > options_.hello_timeout) close(connection, client);
    if (client.rank < 0 || silent <= options_.heartbeat_timeout) continue;
    declare_lost({.rank = client.rank,
                  .node = client.node,
                  .cause = message("no heartbeat for {}", in_seconds(options_.heartbeat_timeout))});
    close(connection, client);
  }
}

void StoreService::report_lost(const LostRank& rank) { declare_lost(rank); }

void StoreService::greet(Connection from, Client& client, const StoreFrame& hello) {
  const auto refusal = why_refused(hello);
  if (!refusal.empty()) {
    reply(from, {.type = FrameType::kRefused, .id = hello.id, .key = "config", .value = refusal});
    return close(from, client);
  }
  client.rank = rank_of(hello);
  client.node = hello.key;
  // Told to the others only: a client expects its welcome first.
  if (client.rank >= 0) forget_lost(client.rank);
  client.is_greeted = true;
  reply(from, {.type = FrameType::kWelcome, .id = kStoreProtocolVersion, .number = options_.heartbeat_timeout.count()});
  for (const auto& lost : lost_) reply(from, lost_frame(lost));
}

std::string StoreService::why_refused(const StoreFrame& hello) const {
  if (hello.type != FrameType::kHello || hello.value != kStoreMagic) return "the first frame was not a hello";
  if (hello.id != kStoreProtocolVersion) {
    return message("the client speaks store protocol {}, the server {}; use one version of Trireme on all nodes",
                   hello.id, kStoreProtocolVersion);
  }
  const int rank = rank_of(hello);
  const auto holder = std::ranges::find_if(
      clients_, [&](const auto& entry) { return rank >= 0 && entry.second.rank == rank && !entry.second.is_leaving; });
  if (holder == clients_.end()) return {};
  return message("rank {} is already connected from node '{}'; two processes were started with the same rank", rank,
                 holder->second.node);
}

void StoreService::serve(Connection from, const StoreFrame& frame) {
  switch (frame.type) {
    case FrameType::kSet:
      table_.set(frame.key, frame.value);
      reply(from, {.type = FrameType::kDone, .id = frame.id});
      return wake_waiters(frame.key);
    case FrameType::kGet:
    case FrameType::kTryGet:
      return get(from, frame);
    case FrameType::kAdd:
      return add(from, frame);
    case FrameType::kRemove:
      return reply(from, {.type = FrameType::kNumber, .id = frame.id, .number = table_.remove(frame.key) ? 1 : 0});
    case FrameType::kCancel:
      return cancel(from, frame.id);
    case FrameType::kHeartbeat:
      return reply(from, {.type = FrameType::kHeartbeat});
    case FrameType::kGoodbye:
      return close(from, clients_.at(from));
    case FrameType::kReportLost:
      declare_lost({.rank = rank_of(frame), .node = frame.key, .cause = frame.value});
      return reply(from, {.type = FrameType::kDone, .id = frame.id});
    default:
      return close(from, clients_.at(from));
  }
}

void StoreService::get(Connection from, const StoreFrame& frame) {
  if (auto value = table_.find(frame.key)) {
    return reply(from, {.type = FrameType::kValue, .id = frame.id, .value = *std::move(value)});
  }
  if (frame.type == FrameType::kTryGet) return reply(from, {.type = FrameType::kAbsent, .id = frame.id});
  waiters_[frame.key].push_back({.connection = from, .id = frame.id});
}

void StoreService::add(Connection from, const StoreFrame& frame) {
  try {
    const auto sum = table_.add(frame.key, frame.number);
    reply(from, {.type = FrameType::kNumber, .id = frame.id, .number = sum});
  } catch (const MismatchError& error) {
    return reply(from, {.type = FrameType::kRefused, .id = frame.id, .value = error.what()});
  }
  wake_waiters(frame.key);
}

void StoreService::cancel(Connection from, std::uint64_t id) {
  for (auto& [key, waiters] : waiters_) {
    std::erase_if(waiters, [&](const Waiter& waiter) { return waiter.connection == from && waiter.id == id; });
  }
  std::erase_if(waiters_, [](const auto& entry) { return entry.second.empty(); });
}

void StoreService::wake_waiters(std::string_view key) {
  const auto waiting = waiters_.find(key);
  if (waiting == waiters_.end()) return;
  const auto value = table_.find(key).value_or(std::string());
  for (const auto& waiter : waiting->second) {
    reply(waiter.connection, {.type = FrameType::kValue, .id = waiter.id, .value = value});
  }
  waiters_.erase(waiting);
}

void StoreService::declare_lost(const LostRank& rank) {
  LostRank bounded = rank;
  bounded.node.resize(std::min(bounded.node.size(), kMaxKeyBytes));
  bounded.cause.resize(std::min(bounded.cause.size(), kMaxCauseBytes));
  const auto known = std::ranges::find_if(lost_, [&](const LostRank& lost) { return is_same(lost, rank); });
  if (known == lost_.end()) {
    lost_.push_back(bounded);
  } else if (*known == bounded) {
    return;
  } else {
    *known = bounded;
  }
  tell_everyone(lost_frame(bounded));
}

void StoreService::forget_lost(int rank) {
  if (std::erase_if(lost_, [&](const LostRank& lost) { return lost.rank == rank; }) == 0) return;
  tell_everyone({.type = FrameType::kFound, .number = rank});
}

void StoreService::close(Connection connection, Client& client) {
  client.is_leaving = true;
  closing_.push_back(connection);
}

void StoreService::tell_everyone(const StoreFrame& frame) {
  for (const auto& [connection, client] : clients_) {
    if (client.is_greeted && !client.is_leaving) reply(connection, frame);
  }
}

}  // namespace trireme::detail
