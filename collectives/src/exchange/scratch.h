#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace trireme::collectives {

// Memory for what peers send, kept for the next task that needs some. Must outlive the Scratches it gave.
class ScratchPool {
 public:
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };
  [[nodiscard]] Block take(std::size_t size);
  void give_back(Block block) { free_.push_back(std::move(block)); }

 private:
  std::vector<Block> free_;
};

// A block of a pool, given back on destruction. Its bytes are whatever was there before.
class Scratch {
 public:
  Scratch(ScratchPool& pool, std::size_t size) : pool_(pool), block_(pool.take(size)) {}
  ~Scratch() { pool_.give_back(std::move(block_)); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] std::byte* data() const noexcept { return block_.bytes.get(); }

 private:
  ScratchPool& pool_;
  ScratchPool::Block block_;
};

}  // namespace trireme::collectives
