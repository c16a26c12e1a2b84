#pragma once

#include <exception>
#include <string>

namespace trireme::test {

// The text of the E that `call` throws. Where it throws another exception or nothing, a text that says so, which the
// caller's check of the text then shows.
template <typename E, typename Call>
[[nodiscard]] std::string text_thrown_by(Call&& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("threw another error: ") + error.what();
  }
  return "threw nothing";
}

}  // namespace trireme::test
