#pragma once

#include <cstdint>

// How training state is spread over the ranks (ZeRO, arXiv:1910.02054).
namespace trireme {

// The stage: each shards what the one before does, and one thing more. The results are the same bits at every stage.
enum class Zero {
  kOff = 0,         // plain data parallel: everything on every rank
  kOptimizer = 1,   // optimizer state (and fp32 master weights)
  kGradients = 2,   // and gradients
  kParameters = 3,  // and parameters, which blocks marked as Unit gather while they compute
};
[[nodiscard]] const char* to_string(Zero zero);

// Whether the ranks of a node map one copy of the parameters, which each of them updates a part of. Then nothing is
// gathered inside a node. Needs a backend whose ranks share memory, and equally many ranks on every node.
enum class Sharing { kAuto, kOff, kOn };

// Which ranks hold one set of shards between them.
enum class ShardOver {
  kWorld,  // all: the least memory
  kNode,   // those of a node; every node has a set, and between nodes only gradients travel
};

// What the sharded state takes on one rank, in bytes, without padding.
struct ZeroMemory {
  std::int64_t parameters = 0;
  std::int64_t gradients = 0;
  std::int64_t optimizer = 0;  // master weights included
  [[nodiscard]] std::int64_t total() const noexcept { return parameters + gradients + optimizer; }
};

struct ZeroMemoryInput {
  Zero zero = Zero::kOff;
  std::int64_t elements = 0;         // trainable parameters of the whole model
  std::int64_t parameter_bytes = 4;  // of an element, as the model computes with it
  std::int64_t gradient_bytes = 4;
  std::int64_t optimizer_bytes = 8;  // of an element: 8 for Adam's two moments, 12 with fp32 master weights
  int shards = 1;                    // ranks that hold one set of shards
  int sharing = 1;                   // ranks that map one copy of the parameters; 1: each has its own
};

// The formula of the paper: parameters P, gradients G and optimizer state O of an element over N shards are P+G+O,
// P+G+O/N, P+(G+O)/N and (P+G+O)/N. Shared parameters count as P/ranks of the node at every stage but kOff. Pure.
[[nodiscard]] ZeroMemory zero_memory(const ZeroMemoryInput& input);

}  // namespace trireme
