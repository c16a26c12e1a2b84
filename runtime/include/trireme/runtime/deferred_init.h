#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <utility>

// Building a model without the memory of its parameters, so that one larger than a rank's memory can be trained
// sharded.
//
//   auto model = deferred_init([&] { return Gpt2(config); });
//   Parallel parallel(model, context, {.zero = Zero::kParameters});   // gives each rank its shard
//
// What the model's constructors do to parameters (uniform_, normal_, fill_, …) is written down instead of done.
// Parallel does it later, one parameter at a time, with the random numbers that it would have had: the same values, bit
// for bit, as those of a model built at once. The idea is torchdistx's and that of PyTorch's meta device.
//
// Until then a parameter has a shape and a dtype, but no values: reading it is an error while the guard lives, and
// undefined behaviour afterwards. Parameters are deferred that begin as torch::empty() of a floating-point dtype, as
// those of torch::nn's modules do; buffers too, where they begin so, and everything else is there at once.
// materialize() serves models that are not given to a Parallel.
namespace trireme {

// Defers on this thread while it lives.
class DeferredInit {
 public:
  DeferredInit();
  ~DeferredInit();
  DeferredInit(const DeferredInit&) = delete;
  DeferredInit& operator=(const DeferredInit&) = delete;

 private:
  class Guard;
  std::unique_ptr<Guard> guard_;
};

// What `make` returns. Throws Error when it reads values that are deferred, naming the operator.
template <typename Make>
auto deferred_init(Make&& make) {
  const DeferredInit guard;
  return std::forward<Make>(make)();
}

// Gives all deferred parameters and buffers their values. Takes the whole model's memory.
void materialize(torch::nn::Module& module);

}  // namespace trireme
