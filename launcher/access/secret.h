#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

// Secrets that stand for somebody, and the digests that are kept of them.
namespace trireme::launcher {

using Digest = std::array<unsigned char, 32>;  // SHA-256

// 256 random bits as text: "trm_" and 64 hexadecimal digits. Fits headers, cookies and URLs' fragments as it is.
[[nodiscard]] std::string make_secret();
// Random hexadecimal digits, two a byte.
[[nodiscard]] std::string random_digits(std::size_t bytes);

[[nodiscard]] Digest digest_of(std::string_view secret);
// Takes the same time wherever the digests part.
[[nodiscard]] bool are_equal(const Digest& one, const Digest& other);

[[nodiscard]] std::string to_text(const Digest& digest);
[[nodiscard]] std::optional<Digest> parse_digest(std::string_view text);

}  // namespace trireme::launcher
