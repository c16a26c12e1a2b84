#include "dask/coordination/queues.h"

#include <algorithm>

#include "dask/coordination/caller_error.h"
#include "dask/wire/message.h"

namespace trireme::launcher::dask {

namespace {

std::string queue_holder(const Key& name) { return holder_of("queue", name); }

}  // namespace

void Queues::create(const Key& name, std::size_t most) {
  const auto [queue, is_new] = queues_.try_emplace(name);
  if (is_new) queue->second.most = most;
  ++queue->second.users;
}

Queues::Change Queues::release(const Key& name) {
  Change change;
  const auto found = queues_.find(name);
  if (found == queues_.end() || --found->second.users != 0) return change;
  const Queue queue = std::move(found->second);
  queues_.erase(found);
  for (const Record& record : queue.records) unclaim(name, record.future, change.claims);
  for (const Putter& putter : queue.putters) {
    unclaim(name, putter.record.future, change.claims);
    change.dropped.push_back(putter.ticket);
  }
  for (const Getter& getter : queue.getters) {
    for (const Record& record : getter.collected) unclaim(name, record.future, change.claims);
    change.dropped.push_back(getter.ticket);
  }
  return change;
}

Queues::Put Queues::put(const Key& name, Record record, Ticket ticket) {
  Queue& queue = find(name);
  Put put;
  claim(name, record.future, put.change.claims);
  queue.putters.push_back({ticket, std::move(record)});
  settle(queue, put.change);
  put.stored = std::erase(put.change.stored, ticket) != 0;
  return put;
}

Queues::Get Queues::get(const Key& name, Batch batch, Ticket ticket) {
  Queue& queue = find(name);
  Get get;
  queue.getters.push_back({ticket, batch.all ? queue.records.size() : batch.size, {}});
  settle(queue, get.change);
  const auto own = std::ranges::find(get.change.taken, ticket, &Taken::ticket);
  if (own == get.change.taken.end()) return get;
  get.records = std::move(own->records);
  get.change.taken.erase(own);
  return get;
}

std::size_t Queues::size(const Key& name) const {
  const auto found = queues_.find(name);
  if (found == queues_.end()) throw CallerError("KeyError", name_of(name));
  return found->second.records.size();
}

Claims Queues::release_future(const Key& name, const Key& future, const std::string& client) {
  Claims claims;
  claims.desired.push_back({client, future});
  unclaim(name, future, claims);
  return claims;
}

Queues::Change Queues::forget(Ticket ticket) {
  Change change;
  for (auto& [name, queue] : queues_) {
    if (const auto putter = std::ranges::find(queue.putters, ticket, &Putter::ticket); putter != queue.putters.end()) {
      unclaim(name, putter->record.future, change.claims);
      queue.putters.erase(putter);
    }
    if (const auto getter = std::ranges::find(queue.getters, ticket, &Getter::ticket); getter != queue.getters.end()) {
      queue.records.insert(queue.records.begin(), getter->collected.begin(), getter->collected.end());
      queue.getters.erase(getter);
      settle(queue, change);
    }
  }
  return change;
}

void Queues::settle(Queue& queue, Change& change) {
  for (;;) {
    while (!queue.putters.empty() && !queue.is_full()) {
      queue.records.push_back(std::move(queue.putters.front().record));
      change.stored.push_back(queue.putters.front().ticket);
      queue.putters.pop_front();
    }
    if (queue.getters.empty()) return;
    Getter& getter = queue.getters.front();
    if (getter.collected.size() == getter.wanted) {
      change.taken.push_back({getter.ticket, std::move(getter.collected)});
      queue.getters.pop_front();
    } else if (queue.records.empty()) {
      return;
    } else {
      getter.collected.push_back(std::move(queue.records.front()));
      queue.records.pop_front();
    }
  }
}

Queues::Queue& Queues::find(const Key& name) {
  const auto found = queues_.find(name);
  if (found == queues_.end()) throw CallerError("KeyError", name_of(name));
  return found->second;
}

void Queues::claim(const Key& name, const Key& future, Claims& claims) {
  if (future.empty()) return;
  if (++claimed_[{name, future}] == 1) claims.desired.push_back({queue_holder(name), future});
}

void Queues::unclaim(const Key& name, const Key& future, Claims& claims) {
  const auto found = claimed_.find({name, future});
  if (found == claimed_.end() || --found->second != 0) return;
  claimed_.erase(found);
  claims.released.push_back({queue_holder(name), future});
}

}  // namespace trireme::launcher::dask
