// What distributed.progress() shows: how many of the tasks that some keys need are not done yet, told again and again.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "dask/server/operations/materializing.h"
#include "dask/wire/pickle_writer.h"

namespace trireme::launcher::dask {

namespace {

constexpr double kDefaultInterval = 1;
constexpr double kUnknownPause = 0.05;  // while the graph is on its way
constexpr double kShareOfTime = 0.05;   // at most, that counting the tasks of one bar may take

// One progress bar: what there was to do at the beginning, and what is left.
class Progress {
 public:
  Progress(const TaskScheduler& tasks, ProgressBar bar) : tasks_(tasks), bar_(std::move(bar)) {}

  // False while a key is not known.
  [[nodiscard]] bool begin() {
    all_ = tasks_.needed_by(bar_.keys, bar_.shows_done ? Counted::kAll : Counted::kUnfinishedAndGiven);
    return !all_.unknown;
  }
  // Counts what is left, and how long that takes.
  void look() {
    const double begin = steady_seconds();
    left_ = tasks_.needed_by(bar_.keys, Counted::kUnfinished);
    seconds_ = steady_seconds() - begin;
  }
  [[nodiscard]] bool is_over() const { return left_.total == 0 || left_.failed || left_.unknown; }
  [[nodiscard]] double pause(double wanted) const { return std::max(wanted, seconds_ / kShareOfTime); }

  void write(MessageWriter& out) const {
    const bool fails = left_.failed || left_.unknown;
    out.map(fails ? 5 : 3).text("all");
    write_counts(out, all_);
    out.text("remaining");
    write_counts(out, left_);
    out.text("status");
    if (fails) {
      out.text("error");
      write_failure(out);
    } else if (is_over()) {
      out.text("finished");
    } else {
      out.nil();
    }
  }

 private:
  // Of each kind there was at the beginning: a bar has no more, also when more has to be done again.
  void write_counts(MessageWriter& out, const NeededTasks& counted) const {
    if (!bar_.by_kind) {
      out.integer(static_cast<std::int64_t>(std::min(counted.total, all_.total)));
      return;
    }
    out.map(all_.kinds.size());
    for (const auto& [kind, tasks] : all_.kinds) {
      const auto found = counted.kinds.find(kind);
      const std::size_t count = found == counted.kinds.end() ? 0 : std::min(found->second, tasks);
      out.text(kind).integer(static_cast<std::int64_t>(count));
    }
  }
  void write_failure(MessageWriter& out) const {
    const Key& key = left_.failed ? *left_.failed : *left_.unknown;
    out.text("key").key(key).text("exception");
    if (left_.failed) {
      out.opaque(tasks_.failure_of(key).first);
    } else {
      out.bytes(pickled_exception("asyncio.exceptions", "CancelledError", name_of(key)));
    }
  }

  const TaskScheduler& tasks_;
  ProgressBar bar_;
  NeededTasks all_;
  NeededTasks left_;
  double seconds_ = 0;
};

Awaitable<void> tell_progress(Hub& hub, const Request& request, ProgressBar bar, MessageWriter& reply) {
  const double interval = std::max(request.seconds("interval").value_or(kDefaultInterval), kUnknownPause);
  Progress progress(hub.tasks, std::move(bar));
  while (!progress.begin()) {
    co_await hub.pause(kUnknownPause);
    if (request.connection.has_ended()) co_return;
  }
  for (progress.look(); !progress.is_over(); progress.look()) {
    MessageWriter now;
    progress.write(now);
    request.connection.send(now.finish());
    co_await hub.pause(progress.pause(interval));
    if (request.connection.has_ended()) co_return;
  }
  progress.write(reply);
}

Awaitable<void> feed(Hub& hub, const Request& request, MessageWriter& reply) {
  using Result = std::variant<ProgressBar, MaterializeError>;
  const Object* setup = find_value(request.root(), "setup");
  const Ticket ticket = hub.tickets.next();
  hub.materializer->read_progress_bar(
      setup ? request.message.bytes(*setup) : Bytes(),
      [&tickets = hub.tickets, ticket](Result result) { tickets.answer(ticket, std::move(result)); });
  auto result = co_await await_materializer<Result>(hub, request, ticket);
  if (!result) co_return;
  if (const auto* error = std::get_if<MaterializeError>(&*result)) {
    write_failure(reply, "uncaught-error", *error);
    co_return;
  }
  co_await tell_progress(hub, request, std::get<ProgressBar>(std::move(*result)), reply);
}

constexpr std::array kProgressOperations = {Operation{"feed", feed}};

}  // namespace

std::span<const Operation> progress_operations() { return kProgressOperations; }

}  // namespace trireme::launcher::dask
