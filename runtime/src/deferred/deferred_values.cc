#include "deferred/deferred_values.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include <mutex>

#include "deferred/init_tape.h"
#include "trireme/runtime/deferred_init.h"

namespace trireme {
namespace {

using TapeOwner = std::shared_ptr<InitTape>;

void drop_owner(void* owner) { delete static_cast<TapeOwner*>(owner); }

void play_op(const InitOp& op, const at::Tensor& whole) {
  auto generator = at::detail::getDefaultCPUGenerator();
  torch::jit::Stack stack{whole.view(-1).as_strided(op.self.sizes, op.self.strides, op.self.offset)};
  stack.insert(stack.end(), op.others.begin(), op.others.end());
  if (op.generator_state.defined()) {
    const std::lock_guard lock(generator.mutex());
    generator.set_state(op.generator_state);
  }
  op.op.callBoxed(&stack);
}

}  // namespace

at::Tensor unbacked(at::IntArrayRef sizes, const at::TensorOptions& options, std::shared_ptr<InitTape> tape) {
  const auto width = options.dtype().itemsize();
  const auto bytes = static_cast<std::size_t>(c10::multiply_integers(sizes)) * width;
  auto* owner = tape ? new TapeOwner(std::move(tape)) : nullptr;
  at::DataPtr nothing(nullptr, owner, owner != nullptr ? &drop_owner : nullptr, options.device());
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes, std::move(nothing), nullptr, false);
  return at::empty({0}, options).set_(storage, 0, sizes);
}

bool has_memory(const at::Tensor& tensor) {
  return tensor.storage().nbytes() == 0 || tensor.storage().data() != nullptr;
}

std::shared_ptr<InitTape> deferred_values(const at::Tensor& tensor) {
  const auto& data = tensor.storage().data_ptr();
  return data.get_deleter() == &drop_owner ? *static_cast<TapeOwner*>(data.get_context()) : nullptr;
}

std::vector<std::shared_ptr<InitTape>> deferred_values(const std::vector<NamedParameter>& tensors) {
  std::vector<std::shared_ptr<InitTape>> tapes;
  for (const auto& [name, tensor] : tensors) tapes.push_back(has_memory(tensor) ? nullptr : deferred_values(tensor));
  return tapes;
}

void play(const InitTape& tape, const at::Tensor& whole) {
  // Elsewhere the same random numbers are not to be had.
  if (!whole.is_cpu()) {
    const auto host = at::empty(whole.sizes(), whole.options().device(at::kCPU));
    play(tape, host);
    whole.copy_(host);
    return;
  }
  // Ranks may be threads, which have one generator.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  at::NoGradGuard no_grad;
  auto generator = at::detail::getDefaultCPUGenerator();
  const auto state = generator.get_state();
  for (const auto& op : tape.ops()) play_op(op, whole);
  generator.set_state(state);
}

void materialize(at::Tensor& tensor) {
  if (has_memory(tensor)) return;
  const auto tape = deferred_values(tensor);
  const auto values = at::empty(tensor.sizes(), tensor.options().requires_grad(false));
  if (tape) play(*tape, values);
  tensor.set_data(values);
}

void materialize(torch::nn::Module& module) {
  for (auto& parameter : module.parameters()) materialize(parameter);
  for (auto& buffer : module.buffers()) materialize(buffer);
}

}  // namespace trireme
