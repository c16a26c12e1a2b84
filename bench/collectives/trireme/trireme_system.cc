#include "trireme_system.h"

namespace trireme::bench {

using collectives::view;

Region TriremeSystem::allocate(std::int64_t count, BufferKind kind) {
  if (kind == BufferKind::kForeign) return allocate_foreign(count);
  const collectives::MemoryPtr memory = communicator_.allocate(static_cast<std::size_t>(count) * sizeof(float));
  return {memory, static_cast<float*>(memory->data())};
}

void TriremeSystem::send_and_receive(const Exchange& exchange) {
  const int ranks = communicator_.size();
  const int next = (communicator_.rank() + 1) % ranks;
  const int previous = (communicator_.rank() + ranks - 1) % ranks;
  const auto received = communicator_.receive(view(exchange.output, exchange.count), previous, 0);
  const auto sent = communicator_.send(view(exchange.input, exchange.count), next, 0);
  sent->wait();
  received->wait();
}

void TriremeSystem::run(const Exchange& exchange) {
  const std::int64_t count = exchange.count;
  const std::int64_t block = count / communicator_.size();
  switch (exchange.operation) {
    case Operation::kAllReduce:
      return communicator_.all_reduce(view(exchange.input, count))->wait();
    case Operation::kReduceScatter:
      return communicator_.reduce_scatter(view(exchange.input, count), view(exchange.output, block))->wait();
    case Operation::kAllGather:
      return communicator_.all_gather(view(exchange.input, block), view(exchange.output, count))->wait();
    case Operation::kBroadcast:
      return communicator_.broadcast(view(exchange.input, count), kRoot)->wait();
    case Operation::kReduce:
      return communicator_.reduce(view(exchange.input, count), view(exchange.output, count), kRoot)->wait();
    case Operation::kGather:
      return communicator_.gather(view(exchange.input, block), view(exchange.output, count), kRoot)->wait();
    case Operation::kScatter:
      return communicator_.scatter(view(exchange.input, count), view(exchange.output, block), kRoot)->wait();
    case Operation::kAllToAll:
      return communicator_.all_to_all(view(exchange.input, count), view(exchange.output, count))->wait();
    case Operation::kSendReceive:
      return send_and_receive(exchange);
    case Operation::kBarrier:
      return communicator_.barrier();
  }
}

}  // namespace trireme::bench
