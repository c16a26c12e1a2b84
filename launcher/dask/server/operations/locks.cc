// Event, Semaphore (and Lock, which is one) and MultiLock.
#include <algorithm>
#include <array>

#include "dask/server/operations/operation.h"
#include "dask/server/operations/waiting.h"

namespace trireme::launcher::dask {

namespace {

void event_set(Hub& hub, const Request& request, MessageWriter&) {
  hub.tickets.answer(hub.events.set(request.key("name")), true);
}

void event_clear(Hub& hub, const Request& request, MessageWriter&) { hub.events.clear(request.key("name")); }

void event_is_set(Hub& hub, const Request& request, MessageWriter& reply) {
  reply.boolean(hub.events.is_set(request.key("name")));
}

Awaitable<void> event_wait(Hub& hub, const Request& request, MessageWriter& reply) {
  const Ticket ticket = hub.tickets.next();
  bool is_set = hub.events.wait(request.key("name"), ticket);
  if (!is_set) {
    const Forget forget = [&](Ticket late) { hub.events.forget(late); };
    const auto answer = co_await await_ticket<bool>(hub, request, ticket, forget);
    is_set = answer.value_or(false);
  }
  reply.boolean(is_set);
}

void semaphore_register(Hub& hub, const Request& request, MessageWriter&) {
  const std::int64_t leases = find_integer(request.root(), "max_leases", 1);
  if (leases < 1) throw CallerError("ValueError", "max_leases must be at least 1");
  hub.semaphores.create(request.key("name"), static_cast<std::size_t>(leases),
                        request.seconds("lease_timeout").value_or(0));
}

Awaitable<void> semaphore_acquire(Hub& hub, const Request& request, MessageWriter& reply) {
  const Ticket ticket = hub.tickets.next();
  const std::string lease = request.text("lease_id");
  bool given = hub.semaphores.acquire(request.key("name"), lease, ticket, steady_seconds());
  if (!given) {
    const Forget forget = [&](Ticket late) { hub.semaphores.forget(late); };
    const auto answer = co_await await_ticket<bool>(hub, request, ticket, forget);
    given = answer.value_or(false);
  }
  reply.boolean(given);
}

void semaphore_release(Hub& hub, const Request& request, MessageWriter&) {
  const std::string lease = request.text("lease_id");
  hub.tickets.answer(hub.semaphores.release(request.key("name"), lease, steady_seconds()), true);
}

void semaphore_refresh(Hub& hub, const Request& request, MessageWriter&) {
  hub.semaphores.refresh(request.key("name"), request.texts("lease_ids").value_or(std::vector<std::string>()),
                         steady_seconds());
}

void semaphore_value(Hub& hub, const Request& request, MessageWriter& reply) {
  reply.integer(static_cast<std::int64_t>(hub.semaphores.held(request.key("name"))));
}

void semaphore_close(Hub& hub, const Request& request, MessageWriter&) {
  hub.tickets.answer(hub.semaphores.close(request.key("name")), Dropped{});
}

Awaitable<void> multi_lock_acquire(Hub& hub, const Request& request, MessageWriter& reply) {
  const Ticket ticket = hub.tickets.next();
  const std::vector<Key> locks = keys_of(find_elements(request.root(), "locks"));
  const std::int64_t wanted = find_integer(request.root(), "num_locks", std::ssize(locks));
  bool held = hub.multi_locks.acquire(locks, request.key("id"),
                                      static_cast<std::size_t>(std::max<std::int64_t>(0, wanted)), ticket);
  if (!held) {
    const Forget forget = [&](Ticket late) { hub.tickets.answer(hub.multi_locks.forget(late), true); };
    const auto answer = co_await await_ticket<bool>(hub, request, ticket, forget);
    held = answer.value_or(false);
  }
  reply.boolean(held);
}

void multi_lock_release(Hub& hub, const Request& request, MessageWriter&) {
  hub.tickets.answer(hub.multi_locks.release(request.key("id")), true);
}

constexpr std::array kLockOperations = {
    Operation{"event_set", event_set},
    Operation{"event_clear", event_clear},
    Operation{"event_is_set", event_is_set},
    Operation{"event_wait", event_wait},
    Operation{"semaphore_register", semaphore_register},
    Operation{"semaphore_acquire", semaphore_acquire},
    Operation{"semaphore_release", semaphore_release},
    Operation{"semaphore_refresh_leases", semaphore_refresh},
    Operation{"semaphore_value", semaphore_value},
    Operation{"semaphore_close", semaphore_close},
    Operation{"multi_lock_acquire", multi_lock_acquire},
    Operation{"multi_lock_release", multi_lock_release},
};

}  // namespace

std::span<const Operation> lock_operations() { return kLockOperations; }

}  // namespace trireme::launcher::dask
