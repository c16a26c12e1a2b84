#include <algorithm>
#include <utility>

#include "data/mapped_file.h"
#include "data/token_header.h"
#include "trireme/base/check.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/token_loader.h"

namespace trireme {

struct TokenFile::State {
  std::string path;
  MappedFile file;
  TokenLayout layout;
};

TokenFile::TokenFile(const std::string& path) {
  MappedFile file(path);
  const TokenLayout layout = read_token_layout(file.bytes(), path);
  state_ = std::make_unique<State>(State{path, std::move(file), layout});
}
TokenFile::~TokenFile() = default;
TokenFile::TokenFile(TokenFile&&) noexcept = default;
TokenFile& TokenFile::operator=(TokenFile&&) noexcept = default;

const std::string& TokenFile::path() const noexcept { return state_->path; }
std::int64_t TokenFile::size() const noexcept { return state_->layout.tokens; }
std::int64_t TokenFile::vocabulary() const noexcept { return state_->layout.vocabulary; }

void TokenFile::read(std::int64_t first, std::span<std::int64_t> out) const {
  const TokenLayout& layout = state_->layout;
  const auto count = static_cast<std::int64_t>(out.size());
  TRIREME_CHECK(first >= 0 && count <= layout.tokens - first, "tokens [{}, {}) of {}", first, first + count,
                layout.tokens);
  const std::byte* data = state_->file.bytes().data() + layout.data_begin;
  for (std::int64_t i = 0; i < count; ++i) out[static_cast<std::size_t>(i)] = token_at(data, layout, first + i);
  const auto foreign = std::ranges::find_if(out, [&](std::int64_t token) { return token >= layout.vocabulary; });
  if (foreign != out.end()) {
    throw DataError(
        message("{}: token {} at position {} is outside the vocabulary of {}: another vocabulary, or not a "
                "token file",
                path(), *foreign, first + (foreign - out.begin()), layout.vocabulary));
  }
}

}  // namespace trireme
