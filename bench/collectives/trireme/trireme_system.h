#pragma once

#include "../measure/system.h"
#include "trireme/collectives/communicator.h"

namespace trireme::bench {

// Trireme's communicators on CPUs, any backend.
class TriremeSystem final : public System {
 public:
  // `communicator` must outlive this.
  explicit TriremeSystem(collectives::Communicator& communicator) : communicator_(communicator) {}
  [[nodiscard]] bool prefers_in_place(Operation) const override { return true; }
  [[nodiscard]] Region allocate(std::int64_t count, BufferKind kind) override;
  void run(const Exchange& exchange) override;

 private:
  void send_and_receive(const Exchange& exchange);

  collectives::Communicator& communicator_;
};

}  // namespace trireme::bench
