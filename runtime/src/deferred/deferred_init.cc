#include "trireme/runtime/deferred_init.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/library.h>
#include <torch/torch.h>

#include <algorithm>

#include "deferred/init_tape.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

// Note [dispatch]. While a guard lives, LibTorch's dispatcher hands every operator that this thread calls to dispatch()
// first, because the key DeferredInit, which LibTorch keeps for this purpose, is included.
namespace trireme {
namespace {

using torch::jit::Stack;

constexpr auto kKey = c10::DispatchKey::DeferredInit;

bool is_deferred(const c10::IValue& value) {
  return value.isTensor() && value.toTensor().defined() && !has_memory(value.toTensor());
}

// The operator's arguments, on top of the stack.
c10::ArrayRef<c10::IValue> arguments_of(const c10::FunctionSchema& schema, const Stack& stack) {
  return c10::ArrayRef<c10::IValue>(stack).slice(stack.size() - schema.arguments().size());
}

bool any_deferred(c10::ArrayRef<c10::IValue> arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const c10::IValue& argument) {
    if (!argument.isTensorList()) return is_deferred(argument);
    const auto tensors = argument.toTensorVector();
    return std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& tensor) { return is_deferred(tensor); });
  });
}

// torch::empty(sizes, …) of a dtype that parameters have, on the CPU. Returns false for others.
bool make_deferred(const c10::FunctionSchema& schema, Stack& stack) {
  if (schema.name() != "aten::empty" || schema.overload_name() != "memory_format") return false;
  const auto arguments = arguments_of(schema, stack);
  const auto dtype =
      arguments[1].isNone() ? at::typeMetaToScalarType(at::get_default_dtype()) : arguments[1].toScalarType();
  if (!at::isFloatingType(dtype) || !(arguments[3].isNone() || arguments[3].toDevice().is_cpu())) return false;
  const auto sizes = arguments[0].toIntVector();
  if (c10::multiply_integers(sizes) == 0) return false;
  auto tensor = unbacked(sizes, dtype, std::make_shared<InitTape>());
  torch::jit::drop(stack, schema.arguments().size());
  stack.emplace_back(std::move(tensor));
  return true;
}

// Lets the random numbers pass by that the operator will have.
at::Tensor skip_random_numbers(const c10::OperatorHandle& op, const at::Tensor& self,
                               c10::ArrayRef<c10::IValue> arguments) {
  const auto state = at::detail::getDefaultCPUGenerator().get_state();
  Stack stack(arguments.begin(), arguments.end());
  stack.front() = at::empty(self.sizes(), self.options());
  op.callBoxed(&stack);
  return state;
}

// For operators that write to their first argument: what was to be done is on its tape, and it is the result.
bool record(const c10::OperatorHandle& op, Stack& stack) {
  const auto& schema = op.schema();
  const auto arguments = arguments_of(schema, stack);
  const auto* alias = schema.arguments().front().alias_info();
  const bool writes = alias != nullptr && alias->isWrite() && schema.returns().size() == 1;
  if (!writes || !is_deferred(arguments[0]) || any_deferred(arguments.slice(1))) return false;
  const auto self = arguments[0].toTensor();
  const auto tape = deferred_values(self);
  if (!tape) return false;
  InitOp entry{op,
               {self.sizes().vec(), self.strides().vec(), self.storage_offset()},
               Stack(arguments.begin() + 1, arguments.end()),
               {}};
  const auto generator = schema.argumentIndexWithName("generator");
  if (generator && arguments[static_cast<std::size_t>(*generator)].isNone()) {
    entry.generator_state = skip_random_numbers(op, self, arguments);
  }
  tape->append(std::move(entry));
  torch::jit::drop(stack, schema.arguments().size());
  stack.emplace_back(self);
  return true;
}

// Results that share or do not need the values: views, and new tensors of the same shape. There is an argument.
bool reads_no_values(const c10::FunctionSchema& schema) {
  if (schema.name().ends_with("_like")) return true;
  const auto* alias = schema.arguments().front().alias_info();
  return alias != nullptr && !alias->isWrite();
}

void dispatch(const c10::OperatorHandle& op, Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard as_usual(kKey);
  const auto& schema = op.schema();
  if (make_deferred(schema, *stack)) return;
  if (any_deferred(arguments_of(schema, *stack))) {
    if (record(op, *stack)) return;
    if (!reads_no_values(schema)) {
      throw Error(
          message("{} reads a parameter whose values are deferred. Build the model without deferred_init(), or do "
                  "this with write_parameters() of its Parallel.",
                  schema.name()));
    }
  }
  op.callBoxed(stack);
}

}  // namespace

class DeferredInit::Guard {
 private:
  c10::impl::IncludeDispatchKeyGuard include_{kKey};
};

DeferredInit::DeferredInit() : guard_(std::make_unique<Guard>()) {}
DeferredInit::~DeferredInit() = default;

}  // namespace trireme

TORCH_LIBRARY_IMPL(_, DeferredInit, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&trireme::dispatch>());
}
