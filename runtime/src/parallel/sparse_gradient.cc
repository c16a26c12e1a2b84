#include "parallel/sparse_gradient.h"

#include <torch/torch.h>

#include <string>
#include <tuple>

namespace trireme {
namespace {

template <typename Layer>
bool has_sparse(const torch::nn::Module& module, const at::Tensor& parameter) {
  const auto* layer = dynamic_cast<const Layer*>(&module);
  return layer != nullptr && layer->options.sparse() && layer->weight.is_same(parameter);
}

// Rows of a parameter, each at most once: their numbers [rows], and values [rows, …]. On the CPU, where they travel.
struct Rows {
  at::Tensor numbers;
  at::Tensor values;
};

Rows rows_of(const at::Tensor& parameter, const at::Tensor& own) {
  if (!own.defined()) {
    auto sizes = parameter.sizes().vec();
    sizes.front() = 0;
    return {at::empty({0}, at::kLong), at::empty(sizes, parameter.options().device(at::kCPU))};
  }
  const auto sparse = own.is_sparse() ? own.coalesce() : own.to_sparse(1).coalesce();
  return {sparse.indices().select(0, 0).cpu().contiguous(), sparse.values().cpu().contiguous()};
}

std::string to_bytes(const Rows& rows) {
  std::string bytes(static_cast<const char*>(rows.numbers.const_data_ptr()), rows.numbers.nbytes());
  return bytes.append(static_cast<const char*>(rows.values.const_data_ptr()), rows.values.nbytes());
}

// Views of `bytes`.
Rows from_bytes(std::string& bytes, const at::Tensor& parameter) {
  const auto row_bytes = static_cast<std::size_t>(parameter.stride(0)) * parameter.element_size();
  const auto count = static_cast<std::int64_t>(bytes.size() / (sizeof(std::int64_t) + row_bytes));
  auto sizes = parameter.sizes().vec();
  sizes.front() = count;
  auto* values = bytes.data() + static_cast<std::size_t>(count) * sizeof(std::int64_t);
  return {at::from_blob(bytes.data(), {count}, at::kLong), at::from_blob(values, sizes, parameter.scalar_type())};
}

}  // namespace

std::vector<bool> find_sparse_parameters(torch::nn::Module& module, const std::vector<NamedParameter>& parameters) {
  std::vector<bool> is_sparse(parameters.size());
  for (const auto& layer : module.modules()) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (has_sparse<torch::nn::EmbeddingImpl>(*layer, parameters[i].tensor) ||
          has_sparse<torch::nn::EmbeddingBagImpl>(*layer, parameters[i].tensor)) {
        is_sparse[i] = true;
      }
    }
  }
  return is_sparse;
}

at::Tensor sum_sparse(const at::Tensor& parameter, const at::Tensor& own, collectives::Communicator& world,
                      collectives::Timeout timeout) {
  at::NoGradGuard no_grad;
  auto bytes = world.all_gather_bytes(to_bytes(rows_of(parameter, own)), {.timeout = timeout});
  std::vector<Rows> all;
  std::vector<at::Tensor> numbers;
  for (auto& of_rank : bytes) {
    all.push_back(from_bytes(of_rank, parameter));
    numbers.push_back(all.back().numbers);
  }
  const auto [rows, places] = at::_unique(at::cat(numbers), true, true);
  auto sizes = parameter.sizes().vec();
  sizes.front() = rows.numel();
  auto sums = at::zeros(sizes, parameter.options().device(at::kCPU));
  std::int64_t first = 0;
  // A rank has a row at most once, so each index_add_() adds one number to an element.
  for (const auto& [of_rank, values] : all) {
    sums.index_add_(0, places.narrow(0, first, of_rank.numel()), values);
    first += of_rank.numel();
  }
  const auto device = parameter.device();
  return at::_sparse_coo_tensor_unsafe(rows.unsqueeze(0).to(device), sums.to(device), parameter.sizes())
      ._coalesced_(true);
}

}  // namespace trireme
