#pragma once

#include <string>
#include <vector>

#include "trireme/runtime/part_optimizer.h"

namespace trireme {

// How a matrix's learning rate follows from its shape.
enum class MuonRate {
  kAspect,      // times sqrt(max(1, rows / columns)), as in the original
  kMatchAdamW,  // times 0.2 sqrt(max(rows, columns)), for AdamW's rates (arXiv:2502.16982)
};

struct MuonOptions {
  double learning_rate = 0.02;
  Schedule schedule = nullptr;  // when given, used instead of learning_rate
  double momentum = 0.95;
  bool nesterov = true;
  int iterations = 5;  // of Newton and Schulz
  MuonRate rate = MuonRate::kAspect;
  // Patterns (parameter_groups.h) of matrices that AdamW updates all the same: embeddings, the output layer.
  std::vector<std::string> by_adamw = {};
  double adamw_rate_scale = 0.015;  // AdamW's learning rate over Muon's
  double beta1 = 0.9;               // AdamW's
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0;     // decoupled
  bool decay_vectors = false;  // decay biases and norm weights (fewer than two dimensions) too
  double clip_norm = 0;        // gradients are scaled down to this global L2 norm; 0: never
  std::vector<ParameterGroup> groups = {};
};

// Muon (K. Jordan et al. 2024, https://kellerjordan.github.io/posts/muon): matrices move along the orthogonal matrix
// nearest to their momentum, found by Newton-Schulz iterations in float32; AdamW updates what has not two dimensions.
// State: momentum_buffer of matrices, exp_avg and exp_avg_sq of the rest.
//
// Where it happens: each rank keeps momentum by part and fills its elements into whole matrices, one for each rank at a
// time, the largest first. A reduce_scatter hands every rank one matrix, whose iterations it runs alone, and an
// all_gather spreads the results. That takes, for a moment, as many floats as the world has ranks times the largest
// matrix of the round. A matrix is always worked on by one rank, so stages and numbers of ranks differ by no more than
// the bits of the matrix products.
class Muon final : public PartOptimizer {
 public:
  // Throws ConfigError naming an option that is out of range or a pattern that matches nothing.
  Muon(ParallelModule& parallel, const MuonOptions& options);
};

}  // namespace trireme
