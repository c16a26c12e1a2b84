#include "dask/coordination/semaphores.h"

#include <fmt/format.h>

#include "dask/coordination/caller_error.h"
#include "dask/wire/message.h"

namespace trireme::launcher::dask {

void Semaphores::create(const Key& name, std::size_t leases, double lease_timeout) {
  const auto [found, is_new] = semaphores_.try_emplace(name);
  Semaphore& semaphore = found->second;
  if (is_new) {
    semaphore.leases = leases;
    semaphore.lease_timeout = lease_timeout;
  } else if (semaphore.leases != leases) {
    throw CallerError("ValueError", fmt::format("Inconsistent max leases: {}, expected: {}", leases, semaphore.leases));
  }
}

bool Semaphores::acquire(const Key& name, const std::string& lease, Ticket ticket, double now) {
  const auto found = semaphores_.find(name);
  if (found == semaphores_.end()) {
    throw CallerError("RuntimeError", fmt::format("Semaphore or Lock `{}` not known.", name_of(name)));
  }
  if (give(found->second, lease, now)) return true;
  found->second.waiters.push_back({ticket, lease});
  return false;
}

std::vector<Ticket> Semaphores::release(const Key& name, std::string_view lease, double now) {
  std::vector<Ticket> given;
  const auto found = semaphores_.find(name);
  if (found == semaphores_.end()) return given;
  Semaphore& semaphore = found->second;
  const auto held = semaphore.held.find(lease);
  if (held == semaphore.held.end()) return given;
  semaphore.held.erase(held);
  give_to_waiting(semaphore, now, given);
  return given;
}

void Semaphores::refresh(const Key& name, const std::vector<std::string>& leases, double now) {
  const auto found = semaphores_.find(name);
  if (found == semaphores_.end()) return;
  for (const std::string& lease : leases) found->second.held.insert_or_assign(lease, now);
}

std::size_t Semaphores::held(const Key& name) const {
  const auto found = semaphores_.find(name);
  return found == semaphores_.end() ? 0 : found->second.held.size();
}

std::vector<Ticket> Semaphores::close(const Key& name) {
  std::vector<Ticket> waited;
  if (const auto closed = semaphores_.extract(name)) {
    for (const Waiter& waiter : closed.mapped().waiters) waited.push_back(waiter.ticket);
  }
  return waited;
}

std::vector<Ticket> Semaphores::expire(double now) {
  std::vector<Ticket> given;
  for (auto& [name, semaphore] : semaphores_) {
    if (semaphore.lease_timeout <= 0) continue;
    std::erase_if(semaphore.held, [&](const auto& held) { return now - held.second > semaphore.lease_timeout; });
    give_to_waiting(semaphore, now, given);
  }
  return given;
}

void Semaphores::forget(Ticket ticket) {
  for (auto& [name, semaphore] : semaphores_) {
    std::erase_if(semaphore.waiters, [&](const Waiter& waiter) { return waiter.ticket == ticket; });
  }
}

void Semaphores::give_to_waiting(Semaphore& semaphore, double now, std::vector<Ticket>& given) {
  std::erase_if(semaphore.waiters, [&](const Waiter& waiter) {
    const bool is_given = give(semaphore, waiter.lease, now);
    if (is_given) given.push_back(waiter.ticket);
    return is_given;
  });
}

// A lease that is asked for twice is one lease: the request was sent again after its connection broke.
bool Semaphores::give(Semaphore& semaphore, const std::string& lease, double now) {
  if (!semaphore.held.contains(lease) && semaphore.held.size() >= semaphore.leases) return false;
  semaphore.held.insert_or_assign(lease, now);
  return true;
}

}  // namespace trireme::launcher::dask
