#include "trireme/collectives/single.h"

#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <thread>

#include "copy_elements.h"
#include "posting_communicator.h"
#include "private_memory.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

// What was sent to oneself and not received yet, by tag.
using Messages = std::map<int, std::deque<std::pair<Signature, std::string>>>;

class CopyTask final : public Task {
 public:
  explicit CopyTask(const Operation& operation) : operation_(operation) {}
  Step advance() override {
    copy_elements(operation_.input, operation_.output);
    return Step::kFinished;
  }
  [[nodiscard]] std::vector<int> missing() const override { return {}; }

 private:
  const Operation operation_;
};

class SendTask final : public Task {
 public:
  SendTask(Messages& messages, const Operation& operation) : messages_(messages), operation_(operation) {}
  Step advance() override {
    const auto& input = operation_.input;
    messages_[operation_.tag].emplace_back(
        operation_.signature, std::string(static_cast<const char*>(input.data), input.count == 0 ? 0 : input.bytes()));
    return Step::kFinished;
  }
  [[nodiscard]] std::vector<int> missing() const override { return {}; }

 private:
  Messages& messages_;
  const Operation operation_;
};

class ReceiveTask final : public Task {
 public:
  ReceiveTask(Messages& messages, const Operation& operation) : messages_(messages), operation_(operation) {}
  Step advance() override {
    const auto queue = messages_.find(operation_.tag);
    if (queue == messages_.end() || queue->second.empty()) return Step::kBlocked;
    const auto& [sent, bytes] = queue->second.front();
    check_fits(sent);
    if (!bytes.empty()) std::memcpy(operation_.output.data, bytes.data(), bytes.size());
    queue->second.pop_front();
    return Step::kFinished;
  }
  [[nodiscard]] std::vector<int> missing() const override { return {0}; }

 private:
  void check_fits(const Signature& sent) const {
    const auto& wanted = operation_.signature;
    if (sent.count == wanted.count && sent.dtype == wanted.dtype) return;
    throw MismatchError(message("rank 0 called {} for what was posted as {}", describe(wanted), describe(sent)));
  }

  Messages& messages_;
  const Operation operation_;
};

// A world of one rank. Nothing arrives from outside, so it waits only for an abort or a timeout.
class SingleTransport final : public Transport {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "single"; }
  [[nodiscard]] int rank() const noexcept override { return 0; }
  [[nodiscard]] int size() const noexcept override { return 1; }

  [[nodiscard]] std::unique_ptr<Task> start(const Operation& operation) override {
    switch (operation.signature.kind) {
      case OpKind::kSend:
        return std::make_unique<SendTask>(messages_, operation);
      case OpKind::kReceive:
        return std::make_unique<ReceiveTask>(messages_, operation);
      default:
        return std::make_unique<CopyTask>(operation);
    }
  }
  void check_peers() override { abort_.check(); }
  [[nodiscard]] std::string standing(int) const override { return "has sent nothing with this tag to itself"; }
  [[nodiscard]] Patience patience() const noexcept override { return {}; }
  void sleep(const std::function<bool()>& moved) override {
    if (!moved()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void announce(const Failure&) noexcept override {}
  void abort(std::string_view reason) override { abort_.raise(reason); }
  [[nodiscard]] MemoryPtr allocate(std::size_t bytes) override { return std::make_shared<PrivateMemory>(bytes); }
  [[nodiscard]] std::unique_ptr<Transport> split(const Subgroup& subgroup) override {
    return subgroup.color < 0 ? nullptr : std::make_unique<SingleTransport>();
  }

 private:
  Messages messages_;
  AbortFlag abort_;
};

}  // namespace

std::unique_ptr<Communicator> make_single() {
  return std::make_unique<PostingCommunicator>(std::make_unique<SingleTransport>());
}

}  // namespace trireme::collectives
