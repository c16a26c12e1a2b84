#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/pimpl.h>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Blocks of a model whose parameters are gathered together under Zero::kParameters.
//
//   std::vector<Unit<Gpt2Block>> blocks_;      // instead of std::vector<Gpt2Block>
//
// Registered, named and called like the block itself. LibTorch's modules have no hooks around forward, so the unit is
// that hook: without a Parallel that shards parameters it adds one comparison to the call.
namespace trireme {

// What happens around the passes of a unit. Implemented by Parallel.
class UnitObserver {
 public:
  virtual ~UnitObserver() = default;
  virtual void before_forward(std::size_t unit) = 0;
  virtual void after_forward(std::size_t unit) = 0;
  virtual void before_backward(std::size_t unit) = 0;
  virtual void after_backward(std::size_t unit) = 0;
};

// The part of a unit that does not depend on the block.
class UnitBase {
 public:
  UnitBase() = default;
  UnitBase(const UnitBase&) = delete;
  UnitBase& operator=(const UnitBase&) = delete;
  virtual ~UnitBase() = default;

  // `observer` outlives the arming; null disarms.
  void arm(UnitObserver* observer, std::size_t unit) noexcept {
    observer_ = observer;
    unit_ = unit;
  }

 protected:
  [[nodiscard]] bool is_armed() const noexcept { return observer_ != nullptr; }
  void begin_forward() { observer_->before_forward(unit_); }
  void end_forward() { observer_->after_forward(unit_); }
  // The same values; its gradient's arrival ends the unit's backward pass.
  [[nodiscard]] at::Tensor watch_input(const at::Tensor& input) const;
  // Its gradient's arrival begins the unit's backward pass.
  void watch_output(const at::Tensor& output) const;

 private:
  UnitObserver* observer_ = nullptr;
  std::size_t unit_ = 0;
};

template <typename Block>
class UnitImpl : public Block, public UnitBase {
 public:
  using Block::Block;

  // Tensors among the arguments and in the result (a tensor, or a tuple or vector of them) are watched.
  template <typename... Args>
  auto forward(Args&&... args) {
    if (!is_armed()) return Block::forward(std::forward<Args>(args)...);
    begin_forward();
    auto output = Block::forward(watched(std::forward<Args>(args))...);
    watch(output);
    end_forward();
    return output;
  }

 private:
  template <typename Argument>
  decltype(auto) watched(Argument&& argument) const {
    if constexpr (std::is_same_v<std::remove_cvref_t<Argument>, at::Tensor>) {
      return watch_input(argument);
    } else {
      return std::forward<Argument>(argument);
    }
  }
  void watch(const at::Tensor& output) const { watch_output(output); }
  template <typename... Items>
  void watch(const std::tuple<Items...>& outputs) const {
    std::apply([this](const auto&... output) { (watch(output), ...); }, outputs);
  }
  void watch(const std::vector<at::Tensor>& outputs) const {
    for (const auto& output : outputs) watch(output);
  }
};

// The holder of a unit of `Holder`'s block: Unit<Gpt2Block>.
template <typename Holder>
class Unit : public torch::nn::ModuleHolder<UnitImpl<typename Holder::ContainedType>> {
 public:
  using torch::nn::ModuleHolder<UnitImpl<typename Holder::ContainedType>>::ModuleHolder;

  // The base class finds no forward() that is a template.
  template <typename... Args>
  auto operator()(Args&&... args) {
    return this->impl_->forward(std::forward<Args>(args)...);
  }
};

}  // namespace trireme
